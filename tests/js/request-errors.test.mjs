// Requests that cannot be judged, by onRequestError: their answers, events and warnings.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import express from 'express';
import { createLimiter, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { codesOf, collectMessages, collectWarnings } from '../support/collect.mjs';
import { send as request, serve } from '../support/express.mjs';
import { frameworks } from '../support/frameworks.mjs';

const daily = (capacity) => ({ daily: tokenBucket({ capacity, every: '1d' }) });
const key = () => 'k';
const OPTIONS = ['key', 'cost', 'plan', 'limits', 'skip'];
const ways = {
  'at once': (error) => () => {
    throw error;
  },
  later: (error) => () => Promise.reject(error),
};

/** A guard's options whose callback `name` is `callback`. */
function optionsWith(name, callback) {
  const source = name === 'plan' ? { plans: { free: daily(1) } } : { policies: daily(1) };
  return { ...source, key, [name]: callback };
}

/** The place of the guarded handler of `frameworks`, in events. */
const routeIn = (framework) => (framework.startsWith('NestJS') ? 'Pages.page' : 'GET /page');
const guardIn = (framework) => (framework.startsWith('NestJS') ? 'Pages.page' : 'rateLimit');

for (const [framework, guarded] of frameworks) {
  for (const [how, fails] of Object.entries(ways)) {
    test(`${framework}: a request whose callback fails ${how} gets 503 and an event, and its handler is not called`, async (t) => {
      const events = collectMessages(t, 'sluice:warning');
      for (const option of OPTIONS) {
        const error = new Error('broken');
        const options = optionsWith(option, fails(error));
        const handler = () => assert.fail('the handler was called');
        const { send, errors } = await guarded(t, options, handler);
        const { status, headers, body } = await send();
        assert.equal(status, 503, option);
        assert.deepEqual(JSON.parse(body), {
          type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
          title: 'Request cannot be satisfied due to temporary server capacity constraints',
          status: 503,
        });
        assert.equal(headers['retry-after'], '1');
        assert.equal(headers.ratelimit, undefined);
        assert.equal(headers['ratelimit-policy'], undefined);
        assert.deepEqual(errors, []);
        const route = routeIn(framework);
        const on = framework.startsWith('NestJS') ? '' : ' (GET /page)';
        const detail = `${guardIn(framework)}: ${option} failed${on}: broken`;
        const event = events.pop();
        assert.deepEqual(event, { warning: 'request', detail, option, route, error });
        assert.equal(event.error, error);
        assert.deepEqual(events, []);
      }
    });

    test(`${framework}: under 'allow', a request whose callback fails ${how} passes without a charge or headers`, async (t) => {
      const events = collectMessages(t, 'sluice:warning');
      for (const option of OPTIONS) {
        const options = { ...optionsWith(option, fails(new Error('broken'))) };
        const { send } = await guarded(t, { ...options, onRequestError: 'allow' });
        for (let i = 0; i < 3; i++) {
          const { status, headers, body } = await send();
          assert.deepEqual([status, body], [200, 'hello'], option);
          assert.equal(headers.ratelimit, undefined);
          assert.equal(events.pop().option, option);
        }
      }
    });

    test(`${framework}: under 'throw', the framework gets the error of a callback that fails ${how}, besides the event`, async (t) => {
      const events = collectMessages(t, 'sluice:warning');
      for (const option of OPTIONS) {
        const error = new Error('broken');
        const options = optionsWith(option, fails(error));
        const { send, errors } = await guarded(t, { ...options, onRequestError: 'throw' });
        assert.equal((await send()).status, 500, option);
        assert.deepEqual([errors.length, errors[0] === error], [1, true]);
        assert.equal(events.pop().error, error);
      }
    });

    test(`${framework}: the event of a failure ${how} is published in the request's async context`, async (t) => {
      const requests = new AsyncLocalStorage();
      const found = [];
      const collect = ({ option }) => found.push([option, requests.getStore()]);
      subscribe('sluice:warning', collect);
      t.after(() => unsubscribe('sluice:warning', collect));
      const wrong = {
        key: () => fails(new Error('broken'))(),
        cost: () => (how === 'later' ? Promise.resolve('many') : 'many'),
      };
      for (const [option, fail] of Object.entries(wrong)) {
        const enter = (request) => requests.enterWith(request.headers['x-id']);
        // The first callback that is called enters the context.
        const callbacks = {
          key: (request) => {
            enter(request);
            return option === 'key' ? fail() : 'k';
          },
          ...(option === 'cost' && { cost: fail }),
        };
        const { send } = await guarded(t, { policies: daily(1), ...callbacks });
        await Promise.all(['a', 'b', 'c'].map((id) => send({ 'x-id': id })));
        const ids = found.splice(0).map(([option, id]) => `${option} ${id}`);
        assert.deepEqual(
          ids.sort(),
          ['a', 'b', 'c'].map((id) => `${option} ${id}`),
        );
      }
    });
  }

  test(`${framework}: without a subscriber, each guard warns once for each option, with its name, route and mistake`, async (t) => {
    const warnings = collectWarnings(t);
    const wrong = ({ headers }) => {
      throw new Error(`no\r\n[ERROR] forged ${headers['x-what']}`);
    };
    const failing = ({ headers }) => (headers['x-cost'] ? 'much' : 1);
    const make = () =>
      guarded(t, {
        policies: daily(9),
        key: (request) => (request.headers['x-key'] ? wrong(request) : 'k'),
        cost: failing,
      });
    const { send } = await make();
    for (let i = 0; i < 3; i++) {
      assert.equal((await send({ 'x-key': '1', 'x-what': 'a'.repeat(5000) })).status, 503);
      assert.equal((await send({ 'x-cost': '1' })).status, 503);
      assert.equal((await send()).status, 200);
    }
    await codesOf(warnings);
    const messages = warnings.splice(0).map(({ code, message }) => {
      assert.equal(code, 'SLUICE_REQUEST_ERROR');
      assert.doesNotMatch(message, /\p{Cc}/u);
      assert.ok(message.length < 700, message);
      assert.match(message, /Such requests are denied \(onRequestError: 'deny'\)\.$/);
      return message;
    });
    assert.equal(messages.length, 2);
    const [ofKey, ofCost] = messages;
    assert.ok(ofKey.startsWith(`${guardIn(framework)}: key failed`), ofKey);
    assert.ok(ofKey.includes(routeIn(framework)), ofKey);
    assert.ok(ofCost.startsWith(`${guardIn(framework)}: cost must be`), ofCost);
    assert.ok(ofCost.includes(routeIn(framework)), ofCost);
    const other = await make();
    await other.send({ 'x-cost': '1' });
    assert.equal((await codesOf(warnings)).length, 1, 'another guard warns for itself');
  });

  for (const rule of ['deny', 'allow', 'throw']) {
    test(`${framework}: under '${rule}', an error with an HTTP status is the callback's own answer, without an event`, async (t) => {
      const events = collectMessages(t, 'sluice:warning');
      const warnings = collectWarnings(t);
      const own = (properties) => Object.assign(new Error('pay first'), properties);
      for (const error of [own({ status: 402 }), own({ statusCode: 599 })]) {
        for (const option of OPTIONS) {
          const options = { ...optionsWith(option, ways.later(error)), onRequestError: rule };
          const { send, errors } = await guarded(t, options);
          assert.equal((await send()).status, 500); // The error handler of these tests knows no status.
          assert.equal(errors[0], error);
        }
      }
      assert.deepEqual([events, await codesOf(warnings)], [[], []]);
    });
  }

  test(`${framework}: an error whose status is no error status is a mistake like any other`, async (t) => {
    for (const status of [200, 302, 399, 600, 404.5, '404', Number.NaN]) {
      const fails = ways['at once'](Object.assign(new Error('broken'), { status }));
      const { send, errors } = await guarded(t, { policies: daily(1), key: fails });
      assert.equal((await send()).status, 503, String(status));
      assert.deepEqual(errors, []);
    }
  });

  test(`${framework}: failures that are about no request go to the framework under every rule, without an event`, async (t) => {
    const events = collectMessages(t, 'sluice:warning');
    for (const onRequestError of ['deny', 'allow', 'throw']) {
      const limiter = createLimiter({ policies: daily(1) });
      const { send, errors } = await guarded(t, { limiter, onRequestError });
      await limiter.close();
      assert.equal((await send()).status, 500);
      assert.equal(errors[0].code, 'ERR_SLUICE_CLOSED');
    }
    assert.deepEqual(events, []);
  });

  test(`${framework}: a request that cannot be judged counts nothing`, async (t) => {
    const denied = collectMessages(t, 'sluice:denied');
    const limiter = createLimiter({ policies: daily(2) });
    t.after(() => limiter.close());
    const cost = ({ headers }) => (headers['x-wrong'] ? Number.NaN : 1);
    for (const onRequestError of ['deny', 'allow']) {
      const { send } = await guarded(t, { limiter, key, cost, onRequestError });
      for (let i = 0; i < 5; i++) await send({ 'x-wrong': '1' });
      assert.equal((await limiter.peek('k')).remaining, 2);
    }
    assert.deepEqual(denied, []);
    assert.deepEqual([limiter.stats().allowed, limiter.stats().denied], [0, 0]);
  });
}

const unknown = {
  rateLimit: (options) => rateLimit({ policies: daily(1), ...options }),
  forRoot: (options) => SluiceModule.forRoot({ policies: daily(1), ...options }),
  '@RateLimit': (options) => RateLimit(options),
};
for (const [where, make] of Object.entries(unknown)) {
  test(`${where} refuses an unknown rule and a misspelt option, with the right ones`, () => {
    for (const onRequestError of ['local', 'Deny', '', null, true, 503]) {
      assert.throws(() => make({ onRequestError }), {
        name: 'RangeError',
        code: 'ERR_SLUICE_OPTIONS',
        message: new RegExp(`^${where}\\.onRequestError must be 'deny', 'allow' or 'throw'; got `),
      });
    }
    assert.throws(() => make({ onRequestErr: 'deny' }), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
      message: /Did you mean 'onRequestError'\?/,
    });
  });
}

test('Express: a server without addresses answers 503, and the event names the route', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const app = express();
  app.get('/users/:id', rateLimit({ policies: daily(1) }), (_req, res) => res.send('hello'));
  const socketPath = join(tmpdir(), `sluice-${process.pid}-${Date.now()}.sock`);
  const server = app.listen(socketPath);
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    await rm(socketPath, { force: true });
  });
  assert.equal((await request({ socketPath, path: '/users/7' })).status, 503);
  const [{ option, route, detail, error }] = events;
  assert.deepEqual([option, route, error.code], ['key', 'GET /users/:id', 'ERR_SLUICE_CLIENT_IP']);
  assert.match(detail, /^rateLimit: req\.ip must be .*; got undefined \(GET \/users\/:id\)$/);
  assert.equal(error.message, detail);
});

test('Express: the route in an event is cut and printable, and has no query', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies: daily(1), key: ways['at once'](new Error('broken')) })),
  );
  await send('/pages?token=secret', { method: 'POST' });
  await send(`/${'a'.repeat(5000)}`);
  const [first, second] = events;
  assert.equal(first.route, 'POST /pages');
  assert.match(second.route, /^GET \/a{195}\.\.\. \(5005 characters\)$/);
});

test('Express: a handler answers a denied request with status 503 set, and may let it pass', async (t) => {
  const decisions = [];
  const { send } = await serve(t, (app) => {
    const options = { policies: daily(5), key: ways.later(new Error('broken')) };
    const answer = (_req, res, _next, decision) => {
      decisions.push(decision);
      res.json({ busy: true });
    };
    app.get('/answer', rateLimit({ ...options, handler: answer }));
    const pass = (_req, _res, next) => next();
    app.get('/pass', rateLimit({ ...options, handler: pass }), (_req, res) => res.send('passed'));
  });
  const { status, body } = await send('/answer');
  assert.deepEqual([status, body], [503, '{"busy":true}']);
  const [{ allowed, source, policy, limit, remaining, retryAfterMs, policies }] = decisions;
  assert.deepEqual([allowed, source, policy, limit], [false, 'deny', 'daily', 5]);
  assert.deepEqual([remaining, retryAfterMs, policies.length], [Number.NaN, 1000, 1]);
  const passed = await send('/pass');
  assert.deepEqual([passed.status, passed.body], [200, 'passed']);
});

test("Express: under 'allow' req.rateLimit has no numbers and no key, and its decision gives nothing back", async (t) => {
  const limiter = createLimiter({ policies: daily(5) });
  t.after(() => limiter.close());
  await limiter.check('k');
  let found;
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ limiter, key: ways.later(new Error('no')), onRequestError: 'allow' }));
    app.use(async (req, _res, next) => {
      found = req.rateLimit;
      await limiter.credit('k', 1, { of: found.decision });
      next();
    });
  });
  assert.equal((await send()).status, 200);
  assert.deepEqual(
    { ...found },
    { limit: 5, used: NaN, remaining: NaN, resetTime: undefined, key: undefined },
  );
  assert.equal(found.decision.source, 'allow');
  assert.equal((await limiter.peek('k')).remaining, 4);
});

test("Express: an admitted request's slots and headers stay when a later limiter cannot judge it", async (t) => {
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ policies: { first: tokenBucket({ capacity: 2, every: '1d' }) } }));
    app.use(rateLimit({ policies: daily(5), key: ways.later(new Error('broken')) }));
  });
  const { status, headers } = await send();
  assert.equal(status, 503);
  assert.match(headers.ratelimit, /^"first";r=1/);
  assert.equal(headers['ratelimit-policy'], '"first";q=2;w=86400');
});

test('Express: a mock of a limiter without policies denies with a decision of its kind', async (t) => {
  const check = async () => assert.fail('the limiter was asked');
  const limiter = { check, policies: {}, plans: {}, store: 'memory' };
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ limiter, key: ways['at once'](new Error('broken')) })),
  );
  assert.equal((await send()).status, 503);
});
