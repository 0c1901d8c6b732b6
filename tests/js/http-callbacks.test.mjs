// Callbacks that fail with things that nobody can read, and the status that a handler finds: over Express and NestJS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import express from 'express';
import express4 from 'express4';
import { fixedWindow, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { SluiceGuard } from 'sluice/nestjs';
import {
  collectUnhandled,
  decision,
  denial,
  scriptedLimiter,
  send,
  serve,
} from '../support/express.mjs';
import { controller, platforms, start } from '../support/nestjs.mjs';

const raise = () => {
  throw new Error('must not be read');
};

/** Values that throw when they are read. */
const hostile = {
  'an object whose getters throw': () =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        ['name', 'message', 'stack', 'code', 'status', 'statusCode', 'headers', 'cause'].map(
          (name) => [name, { get: raise, enumerable: true }],
        ),
      ),
    ),
  'an error whose stack throws': () =>
    Object.defineProperty(new Error('e'), 'stack', { get: raise }),
  'an error whose own property throws': () =>
    Object.defineProperty(new Error('e'), 'detail', { get: raise, enumerable: true }),
  'a proxy whose traps throw': () =>
    new Proxy({}, { get: raise, getPrototypeOf: raise, has: raise, ownKeys: raise }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'an object without a prototype': () => Object.create(null),
};
const ways = {
  thrown: (thing) => () => {
    throw thing();
  },
  rejected: (thing) => async () => {
    throw thing();
  },
};

for (const [what, thing] of Object.entries(hostile)) {
  for (const [how, fails] of Object.entries(ways)) {
    test(`Express: ${what}, ${how} by any callback, is answered 500`, async (t) => {
      const unhandled = collectUnhandled(t);
      const names = ['key', 'cost', 'plan', 'limits', 'skip', 'handler'];
      const { send, errors } = await serve(t, (app) => {
        for (const name of names) {
          const plans = { free: fixedWindow({ limit: 1, window: '1h' }) };
          const policies = plans.free;
          const made = name === 'plan' ? { plans } : { policies };
          app.get(
            `/${name}`,
            rateLimit({ ...made, key: () => 'k', [name]: fails(thing) }),
            (_, res) => res.send('passed'),
          );
        }
      });
      await send('/handler'); // Takes the only request, so that the next one is denied.
      for (const name of names) {
        const { status, body } = await send(`/${name}`);
        assert.equal(status, 500, name);
        assert.equal(JSON.parse(body).code, 'ERR_SLUICE_CALLBACK', name);
      }
      for (const error of errors) assert.equal(error.cause, undefined);
      assert.deepEqual(unhandled, []);
    });

    for (const [platform, adapter] of Object.entries(platforms)) {
      test(`NestJS on ${platform}: ${what}, ${how} by any callback, is answered 500`, async (t) => {
        const unhandled = collectUnhandled(t);
        for (const name of ['key', 'cost', 'plan', 'limits', 'shouldSkip', 'throwDenied']) {
          class Guard extends SluiceGuard {}
          const own = name === 'shouldSkip' || name === 'throwDenied';
          if (own) Guard.prototype[name] = fails(thing);
          const policies = fixedWindow({ limit: 1, window: '1h' });
          const app = await start(
            t,
            adapter,
            {
              ...(name === 'plan' ? { plans: { free: policies } } : { policies }),
              key: () => 'k',
              ...(own ? {} : { [name]: fails(thing) }),
            },
            {
              controllers: [controller({ page: [] })],
              configure: (app) => app.useGlobalGuards(app.get(Guard)),
              providers: [Guard],
            },
          );
          if (name === 'throwDenied') await app.send('/page');
          assert.equal((await app.send('/page')).status, 500, name);
        }
        assert.deepEqual(unhandled, []);
      });
    }
  }
}

test('a callback that returns an object whose getters throw is answered 500', async (t) => {
  const broken = () =>
    Object.defineProperty({}, 'user', { get: hostile['a revoked proxy'], enumerable: true });
  const throwing = () => Object.defineProperty({}, 'user', { get: raise, enumerable: true });
  const policies = { user: tokenBucket({ capacity: 9, every: '1s', by: 'user' }) };
  const plain = { user: tokenBucket({ capacity: 9, every: '1s' }) };
  const { send } = await serve(t, (app) => {
    app.get('/key', rateLimit({ policies, key: throwing }));
    app.get('/broken', rateLimit({ policies, key: broken }));
    app.get('/cost', rateLimit({ policies: plain, cost: throwing }));
    app.get('/limits', rateLimit({ policies: plain, limits: async () => throwing() }));
  });
  for (const path of ['/key', '/broken', '/cost', '/limits']) {
    assert.equal((await send(path)).status, 500, path);
  }
});

test("NestJS: a callback's own exceptions reach the filters as they are", async (t) => {
  const { HttpException } = await import('@nestjs/common');
  const { send } = await start(
    t,
    platforms.Express,
    {
      policies: tokenBucket({ capacity: 9, every: '1s' }),
      global: true,
      key: () => {
        throw new HttpException('payment required', 402);
      },
    },
    { controllers: [controller({ page: [] })] },
  );
  assert.equal((await send('/page')).status, 402);
});

for (const [version, makeApp] of Object.entries({ 4: express4, 5: express })) {
  test(`Express ${version}: Express's own error handler answers a callback that fails with what cannot be read`, async (t) => {
    const app = makeApp();
    app.set('env', 'test');
    const policies = tokenBucket({ capacity: 9, every: '1s' });
    app.use(rateLimit({ policies, key: () => Promise.reject(hostile['a revoked proxy']()) }));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { status } = await send({ host: '127.0.0.1', port: server.address().port });
    assert.equal(status, 500);
  });
}

/** The answer to one denied request under a handler. */
async function answerOf(t, handler, denied = denial()) {
  const { send, errors } = await serve(t, (app) =>
    app.use(rateLimit({ limiter: scriptedLimiter(denied), handler })),
  );
  return { errors, ...(await send()) };
}

test('a handler that sets no status answers 429', async (t) => {
  let found;
  const { status, body } = await answerOf(t, (_req, res) => {
    found = res.statusCode;
    res.json({ slow: 'down' });
  });
  assert.equal(status, 429);
  assert.equal(found, 429);
  assert.equal(body, '{"slow":"down"}');
});

test("where the rule for a failed store is 'deny', a handler finds 503", async (t) => {
  const denied = denial({ source: 'deny', remaining: NaN, retryAfterMs: 1000 });
  assert.equal((await answerOf(t, (_req, res) => res.send('busy'), denied)).status, 503);
});

test('a handler that sets a status of its own answers that', async (t) => {
  assert.equal((await answerOf(t, (_req, res) => res.status(418).end())).status, 418);
});

test('a handler that lets a denied request pass takes the status back', async (t) => {
  for (const handler of [
    (_req, _res, next) => next(),
    (_req, _res, next) => next('route'),
    (_req, _res, next) => next(null),
    async (_req, _res, next) => next(),
  ]) {
    const { status, body } = await answerOf(t, handler);
    assert.equal(status, 200);
    assert.equal(body, 'hello');
  }
});

test('a handler that sets a status and lets the request pass keeps that status', async (t) => {
  const { status } = await answerOf(t, (_req, res, next) => {
    res.status(203);
    next();
  });
  assert.equal(status, 203);
});

test('a handler that fails leaves no 429 behind', async (t) => {
  for (const handler of [
    () => {
      throw new Error('broken');
    },
    () => Promise.reject(new Error('broken')),
  ]) {
    let found;
    const { send } = await serve(t, (app) => {
      app.use(rateLimit({ limiter: scriptedLimiter(denial()), handler }));
      app.use((error, _req, res, next) => {
        found = res.statusCode;
        next(error);
      });
    });
    assert.equal((await send()).status, 500);
    assert.equal(found, 200);
  }
});

test('an admitted request keeps its status', async (t) => {
  const handler = () => assert.fail('nobody was denied');
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ limiter: scriptedLimiter(decision()), handler })),
  );
  assert.equal((await send()).status, 200);
});

test('a request without a socket and an address is an error that says so', async () => {
  let error;
  const policies = tokenBucket({ capacity: 9, every: '1s' });
  rateLimit({ policies })({ headers: {} }, {}, (given) => {
    error = given;
  });
  assert.equal(error.code, 'ERR_SLUICE_CLIENT_IP');
});
