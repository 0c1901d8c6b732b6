// Callbacks that throw unreadable values or return wrong ones, and the status that a handler finds.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import express from 'express';
import express4 from 'express4';
import { createLimiter, fixedWindow, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { SluiceGuard } from 'sluice/nestjs';
import { collectMessages } from '../support/collect.mjs';
import {
  collectUnhandled,
  decision,
  denial,
  scriptedLimiter,
  send,
  serve,
} from '../support/express.mjs';
import { frameworks } from '../support/frameworks.mjs';
import { controller, platforms, start } from '../support/nestjs.mjs';
import { plans, tenantPolicies } from '../support/plans.mjs';

const raise = () => {
  throw new Error('must not be read');
};

/** Values that throw when a framework reads them. */
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

const daily = fixedWindow({ limit: 1, window: '1h' });
const key = () => 'k';

for (const [what, thing] of Object.entries(hostile)) {
  for (const [how, fails] of Object.entries(ways)) {
    for (const [framework, guarded] of frameworks) {
      test(`${framework}: ${what}, ${how} by any callback, is answered by onRequestError`, async (t) => {
        const unhandled = collectUnhandled(t);
        const events = collectMessages(t, 'sluice:warning');
        for (const name of ['key', 'cost', 'plan', 'limits', 'skip']) {
          const source = name === 'plan' ? { plans: { free: daily } } : { policies: daily };
          const options = { ...source, key, [name]: fails(thing) };
          const denied = await guarded(t, options);
          assert.equal((await denied.send()).status, 503, name);
          assert.deepEqual(denied.errors, []);
          const { send, errors } = await guarded(t, { ...options, onRequestError: 'throw' });
          const { status, body } = await send();
          assert.equal(status, 500, name);
          assert.equal(JSON.parse(body).code, 'ERR_SLUICE_CALLBACK', name);
          assert.equal(errors[0].cause, undefined);
          for (const { option, error } of events.splice(0)) {
            assert.deepEqual([option, error.code], [name, 'ERR_SLUICE_CALLBACK']);
          }
        }
        assert.deepEqual(unhandled, []);
      });
    }

    test(`Express: ${what}, ${how} by a handler, is answered 500`, async (t) => {
      const unhandled = collectUnhandled(t);
      const { send, errors } = await serve(t, (app) =>
        app.use(rateLimit({ policies: daily, key, handler: fails(thing) })),
      );
      await send(); // Takes the only unit, so that the next request is denied.
      const { status, body } = await send();
      assert.equal(status, 500);
      assert.equal(JSON.parse(body).code, 'ERR_SLUICE_CALLBACK');
      assert.equal(errors[0].cause, undefined);
      assert.deepEqual(unhandled, []);
    });

    for (const [platform, adapter] of Object.entries(platforms)) {
      test(`NestJS on ${platform}: ${what}, ${how} by a guard's own method, is answered`, async (t) => {
        const unhandled = collectUnhandled(t);
        for (const [name, status] of [
          ['shouldSkip', 503],
          ['getKey', 503],
          ['throwDenied', 500],
        ]) {
          class Guard extends SluiceGuard {}
          Guard.prototype[name] = fails(thing);
          const root = {
            controllers: [controller({ page: [] })],
            configure: (app) => app.useGlobalGuards(app.get(Guard)),
            providers: [Guard],
          };
          const app = await start(t, adapter, { policies: daily, key }, root);
          if (name === 'throwDenied') await app.send('/page');
          assert.equal((await app.send('/page')).status, status, name);
        }
        assert.deepEqual(unhandled, []);
      });
    }
  }
}

const twoPlans = createLimiter({ plans });
const byParts = createLimiter({ policies: tenantPolicies() });
const oneDaily = createLimiter({ policies: { daily: tokenBucket({ capacity: 5, every: '1d' }) } });

/** By the wrong result: the options, the code, and the message after the name of the guard. */
const WRONG_RESULTS = {
  'an unknown plan': [
    { limiter: twoPlans, plan: () => 'por' },
    'ERR_SLUICE_PLAN',
    /^plan must be one of .*'por'/,
  ],
  'no plan': [
    { limiter: twoPlans, plan() {} },
    'ERR_SLUICE_PLAN',
    /^plan must be one of the limiter's plans: 'free', 'pro'; got undefined/,
  ],
  'a key without one of its parts': [
    { limiter: byParts, key: () => ({ tenant: 't1' }) },
    'ERR_SLUICE_KEY',
    /^key\.user must be a string/,
  ],
  'a key with an empty part': [
    { limiter: byParts, key: () => ({ tenant: 't1', user: '' }) },
    'ERR_SLUICE_KEY',
    /^key\.user .*got ''/,
  ],
  'a key with a part too many': [
    { limiter: byParts, key: () => ({ tenant: 't1', user: 'u', usr: 'u' }) },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^key: unknown part 'usr'. Did you mean 'user'/,
  ],
  'a string instead of parts': [
    { limiter: byParts, key: () => 'ann' },
    'ERR_SLUICE_KEY',
    /^key must be an object of the parts .*\{ tenant, user \}; got 'ann'/,
  ],
  'no key instead of parts': [
    { limiter: byParts, key: () => null },
    'ERR_SLUICE_KEY',
    /^key .*got null/,
  ],
  'parts instead of a string': [
    { limiter: oneDaily, key: () => ({ user: 'ann' }) },
    'ERR_SLUICE_KEY',
    /^key must be a string/,
  ],
  'limits of an unknown policy': [
    { limiter: oneDaily, limits: () => ({ dayly: 1 }) },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^limits: unknown policy 'dayly'/,
  ],
  'a limit that is no whole number': [
    { limiter: oneDaily, limits: () => ({ daily: 1.5 }) },
    'ERR_SLUICE_LIMITS',
    /^limits\.daily.*1\.5/,
  ],
  'a limit below 0': [
    { limiter: oneDaily, limits: () => ({ daily: -1 }) },
    'ERR_SLUICE_LIMITS',
    /^limits\.daily .*got -1/,
  ],
  'limits of null': [
    { limiter: oneDaily, limits: () => null },
    'ERR_SLUICE_OPTIONS',
    /^limits.*null/,
  ],
  'a cost of text': [{ limiter: oneDaily, cost: async () => '2' }, 'ERR_SLUICE_COST', /^cost.*'2'/],
};

for (const [framework, guarded] of frameworks) {
  const name = framework.startsWith('NestJS') ? 'Pages.page: ' : 'rateLimit: ';
  for (const [what, [options, code, message]] of Object.entries(WRONG_RESULTS)) {
    test(`${framework}: a function that returns ${what} is denied, and an error under 'throw'`, async (t) => {
      const events = collectMessages(t, 'sluice:warning');
      const denied = await guarded(t, options);
      assert.equal((await denied.send()).status, 503);
      assert.deepEqual(denied.errors, []);
      const [event] = events;
      assert.equal(event.detail, event.error.message);
      assert.ok(event.detail.startsWith(name), event.detail);
      assert.equal(event.option, event.error.argument.split('.')[0]);
      const { send, errors } = await guarded(t, { ...options, onRequestError: 'throw' });
      assert.equal((await send()).status, 500);
      const [error] = errors;
      assert.equal(error.code, code, error.message);
      assert.ok(error.message.startsWith(name), error.message);
      assert.match(error.message.slice(name.length), message);
      assert.ok(error.stack.includes(error.message), 'the stack says it too');
    });
  }
}

test('a callback that returns an object that cannot be read is answered by onRequestError', async (t) => {
  const broken = () =>
    Object.defineProperty({}, 'user', { get: hostile['a revoked proxy'], enumerable: true });
  const throwing = () => Object.defineProperty({}, 'user', { get: raise, enumerable: true });
  const policies = { user: tokenBucket({ capacity: 9, every: '1s', by: 'user' }) };
  const plain = { user: tokenBucket({ capacity: 9, every: '1s' }) };
  const revoked = hostile['a revoked proxy'];
  const wrong = {
    key: { policies, key: throwing },
    'key?broken': { policies, key: broken },
    'key?proxy': { policies, key: revoked },
    cost: { policies: plain, cost: throwing },
    'cost?proxy': { policies: plain, cost: revoked },
    limits: { policies: plain, limits: async () => throwing() },
  };
  for (const [onRequestError, status] of [
    [undefined, 503],
    ['throw', 500],
  ]) {
    const events = collectMessages(t, 'sluice:warning');
    for (const [what, options] of Object.entries(wrong)) {
      const { send } = await serve(t, (app) => app.use(rateLimit({ ...options, onRequestError })));
      assert.equal((await send()).status, status, what);
    }
    assert.deepEqual(
      events.map(({ option }) => option),
      Object.keys(wrong).map((what) => what.split('?')[0]),
    );
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
    const key = () => Promise.reject(hostile['a revoked proxy']());
    app.use(rateLimit({ policies, key, onRequestError: 'throw' }));
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
  const limit = rateLimit({ policies, onRequestError: 'throw' });
  limit({ headers: {}, method: 'GET', baseUrl: '', path: '/page' }, {}, (given) => {
    error = given;
  });
  assert.equal(error.code, 'ERR_SLUICE_CLIENT_IP');
  assert.match(error.message, /^rateLimit: req\.ip must be .*got undefined \(GET \/page\)$/);
});
