// The Express middleware with scripted decisions, beyond http-answers.test.mjs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import rateLimit from 'sluice/express';
import { collectMessages } from '../support/collect.mjs';
import { decision, denial, scriptedLimiter, serve } from '../support/express.mjs';

for (const synchronous of [true, false]) {
  const store = synchronous ? 'a store in this process' : 'a store elsewhere';
  const scripted = (answer) => scriptedLimiter(answer, { synchronous });

  test(`${store}: an error of the limiter goes to the application's error handler`, async (t) => {
    const failure = Object.assign(new Error('no store'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    const { send, errors } = await serve(t, (app) =>
      app.use(rateLimit({ limiter: scripted(failure) })),
    );
    assert.equal((await send()).status, 500);
    assert.deepEqual(errors, [failure]);
  });

  test(`${store}: a client that hangs up while its request is decided breaks nothing`, async (t) => {
    const limiter = scripted(denial());
    const key = (_req, res) => new Promise((resolve) => res.on('close', () => resolve('k')));
    const { port, errors, send } = await serve(t, (app) => {
      app.use('/left', rateLimit({ limiter, key }), () => assert.fail('a denied request went on'));
    });
    const client = net.connect(port, '127.0.0.1');
    client.write('GET /left HTTP/1.1\r\nHost: test\r\n\r\n', () => client.destroy());
    while (limiter.asked.length === 0) await setTimeout(5);
    assert.equal((await send()).status, 200);
    assert.deepEqual(errors, []);
  });
}

test('a synchronous limiter answers before the middleware returns', () => {
  const middleware = rateLimit({ limiter: scriptedLimiter(decision()), headers: false });
  let wentOn = false;
  middleware({ ip: '192.0.2.7' }, {}, () => {
    wentOn = true;
  });
  assert.equal(wentOn, true);
});

test("where the rule for a failed store is 'allow', the request goes on and no quota is claimed", async (t) => {
  const limiter = scriptedLimiter(decision({ source: 'allow', remaining: NaN }));
  let seen;
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ limiter, key: () => 'k' }), (req, _res, next) => {
      seen = req.rateLimit;
      next();
    }),
  );
  const { status, headers } = await send();
  assert.equal(status, 200);
  assert.equal(headers.ratelimit, undefined);
  assert.deepEqual(seen, { limit: 20, used: NaN, remaining: NaN, resetTime: undefined, key: 'k' });
});

test('retryAfterJitter draws Retry-After from the wait to its share more', async (t) => {
  const limiter = scriptedLimiter(denial({ retryAfterMs: 1_000_000 }));
  const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, retryAfterJitter: 0.5 })));
  const drawn = new Set();
  for (let i = 0; i < 20; i++) {
    const { headers } = await send();
    const seconds = Number(headers['retry-after']);
    assert.ok(seconds >= 1000 && seconds <= 1500, `Retry-After: ${seconds}`);
    assert.equal(headers.ratelimit, '"burst";r=0;t=1000');
    drawn.add(seconds);
  }
  assert.ok(drawn.size > 1, 'every draw was the same');
});

test('a HEAD request is limited like any other, and its answer has no body', async (t) => {
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ limiter: scriptedLimiter(denial()) })),
  );
  const { status, headers, body } = await send('/', { method: 'HEAD' });
  assert.equal(status, 429);
  assert.equal(headers.ratelimit, '"burst";r=0;t=2');
  assert.equal(body, '');
});

test('a denied upload is answered without waiting for the rest of it', async (t) => {
  const { port } = await serve(t, (app) =>
    app.use(rateLimit({ limiter: scriptedLimiter(denial()) })),
  );
  const upload = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false });
  t.after(() => upload.destroy());
  upload.on('error', () => {}).write('the beginning');
  const [response] = await once(upload, 'response');
  assert.equal(response.statusCode, 429);
});

test('req.rateLimit tells the handlers what is left', async (t) => {
  let seen;
  const { send } = await serve(t, (app) =>
    app.use(
      rateLimit({ limiter: scriptedLimiter(decision()), key: () => 'user:42' }),
      (req, _res, next) => {
        seen = req.rateLimit;
        next();
      },
    ),
  );
  const before = Date.now();
  await send();
  const { resetTime, ...rest } = seen;
  assert.deepEqual(rest, { limit: 20, used: 7, remaining: 13, key: 'user:42' });
  assert.ok(resetTime.getTime() >= before + 700, 'a reset before its time');
  assert.ok(resetTime.getTime() <= Date.now() + 700, 'a reset after its time');
});

for (const [kind, later] of [
  ['at once', (value) => value],
  ['later', async (value) => value],
]) {
  test(`skip, answering ${kind}, lets a request pass unasked and without headers`, async (t) => {
    const limiter = scriptedLimiter(denial());
    const { send } = await serve(t, (app) =>
      app.use(rateLimit({ limiter, skip: (req) => later(req.method === 'OPTIONS') })),
    );
    const skipped = await send('/', { method: 'OPTIONS' });
    assert.equal(skipped.status, 200);
    assert.equal(skipped.headers.ratelimit, undefined);
    assert.deepEqual(limiter.asked, []);
    assert.equal((await send()).status, 429);
  });

  test(`a handler, answering ${kind}, answers a denial in place of problem+json`, async (t) => {
    const answers = [];
    const { send } = await serve(t, (app) =>
      app.use(
        rateLimit({
          limiter: scriptedLimiter(denial()),
          handler: (_req, res, _next, answer) => {
            answers.push(answer);
            return later(res.status(418).send(`wait ${answer.retryAfterMs}`));
          },
        }),
      ),
    );
    const { status, headers, body } = await send();
    assert.equal(status, 418);
    assert.equal(body, 'wait 1001');
    assert.equal(headers['retry-after'], '2');
    assert.equal(answers.length, 1);
  });

  for (const name of ['skip', 'key', 'cost', 'handler']) {
    test(`under onRequestError: 'throw', an error of ${name}, thrown ${kind}, goes to the application's error handler`, async (t) => {
      const failure = new Error(`${name} failed`);
      const limiter = scriptedLimiter(denial());
      const fails =
        kind === 'later'
          ? () => Promise.reject(failure)
          : () => {
              throw failure;
            };
      const { send, errors } = await serve(t, (app) =>
        app.use(rateLimit({ limiter, onRequestError: 'throw', [name]: fails })),
      );
      assert.equal((await send()).status, 500);
      assert.deepEqual(errors, [failure]);
      assert.equal(limiter.asked.length, name === 'handler' ? 1 : 0);
    });
  }
}

test('a handler may let a denied request go on', async (t) => {
  const { send } = await serve(t, (app) =>
    app.use(
      rateLimit({ limiter: scriptedLimiter(denial()), handler: (_req, _res, next) => next() }),
    ),
  );
  assert.equal((await send()).status, 200);
});

for (const thrown of [undefined, null, 0, '', 'route', 'router']) {
  test(`a callback that throws ${JSON.stringify(thrown)} does not let the request go on`, async (t) => {
    const events = collectMessages(t, 'sluice:warning');
    const { send, errors } = await serve(t, (app) =>
      app.use(
        rateLimit({ limiter: scriptedLimiter(decision()), key: () => Promise.reject(thrown) }),
      ),
    );
    assert.equal((await send()).status, 503);
    assert.deepEqual(errors, []);
    assert.equal(events[0].error.code, 'ERR_SLUICE_CALLBACK');
    assert.equal(events[0].error.cause, thrown);
  });
}

for (const key of [undefined, null, '', 42, ['a']]) {
  test(`a key function that answers ${JSON.stringify(key)} is denied, and its event says so`, async (t) => {
    const events = collectMessages(t, 'sluice:warning');
    const limiter = scriptedLimiter(decision());
    const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, key: () => key })));
    assert.equal((await send()).status, 503);
    assert.equal(events[0].error.code, 'ERR_SLUICE_KEY');
    assert.match(events[0].detail, /^rateLimit: key must be/);
    assert.deepEqual(limiter.asked, []);
  });
}

test('a cost function that answers nothing is denied, and its event says so', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const limiter = scriptedLimiter(decision());
  const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, cost() {} })));
  assert.equal((await send()).status, 503);
  assert.equal(events[0].error.code, 'ERR_SLUICE_COST');
  assert.match(events[0].detail, /^rateLimit: cost must be/);
  assert.deepEqual(limiter.asked, []);
});

test("the default key is the client's address as Express's trust in proxies gives it", async (t) => {
  const limiter = scriptedLimiter(decision());
  const forwarded = { headers: { 'x-forwarded-for': '203.0.113.9, 2001:db8:12:3456::1' } };
  for (const trusted of [false, 1, true]) {
    const { send } = await serve(t, (app) =>
      app.set('trust proxy', trusted).use(rateLimit({ limiter })),
    );
    await send('/', forwarded);
  }
  assert.deepEqual(
    limiter.asked.map(({ key }) => key),
    ['127.0.0.1', '2001:db8:12:3400::/56', '203.0.113.9'],
  );
});

test('a client of a server that listens on IPv6 has the key of its IPv4 address', async (t) => {
  const limiter = scriptedLimiter(decision());
  const { port } = await serve(t, (app) => app.use(rateLimit({ limiter })), { host: '::' });
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 200);
  assert.deepEqual(limiter.asked, [{ key: '127.0.0.1' }]);
});

test('a proxy that writes ports into addresses is denied, and makes no key for every connection', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const limiter = scriptedLimiter(decision());
  const { send, errors } = await serve(t, (app) =>
    app.set('trust proxy', 1).use(rateLimit({ limiter })),
  );
  const { status } = await send('/', { headers: { 'x-forwarded-for': '203.0.113.9:5678' } });
  assert.equal(status, 503);
  assert.deepEqual(errors, []);
  assert.equal(events[0].error.code, 'ERR_SLUICE_CLIENT_IP');
  assert.equal(events[0].error.value, '203.0.113.9:5678');
  assert.match(events[0].detail, /^rateLimit: req\.ip must be .* \(GET \/\)$/);
  assert.deepEqual(limiter.asked, []);
});

test('a client that hung up before the middleware ran is dropped without an error', async () => {
  const limiter = scriptedLimiter(decision());
  rateLimit({ limiter })({ ip: undefined, socket: { destroyed: true } }, {}, () =>
    assert.fail('a request that nobody waits for went on'),
  );
  assert.deepEqual(limiter.asked, []);
});

test('a denial after the response began is an error; an admission leaves the response alone', async (t) => {
  for (const [answer, ends] of [
    [denial(), 'aborted'],
    [decision(), 'complete'],
  ]) {
    const { send, errors } = await serve(t, (app) => {
      app.use((_req, res, next) => {
        res.write('begun, ');
        next();
      });
      app.use(rateLimit({ limiter: scriptedLimiter(answer) }));
      app.use((_req, res) => res.end('done'));
    });
    if (ends === 'complete') {
      const { status, headers, body } = await send();
      assert.equal(status, 200);
      assert.equal(body, 'begun, done');
      assert.equal(headers.ratelimit, undefined);
      assert.deepEqual(errors, []);
    } else {
      await assert.rejects(send());
      assert.equal(errors[0].code, 'ERR_SLUICE_HEADERS_SENT');
    }
  }
});

test('a denial after another middleware has answered changes nothing', async (t) => {
  const { send, errors } = await serve(t, (app) => {
    app.use((_req, res, next) => {
      res.status(503).end('timed out');
      next();
    });
    app.use(rateLimit({ limiter: scriptedLimiter(denial()) }));
  });
  const { status, body } = await send();
  assert.deepEqual([status, body, errors], [503, 'timed out', []]);
});
