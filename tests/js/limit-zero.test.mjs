// A limit of 0 is a quota of which nothing is admitted: of a policy, of a plan, of one call; over memory, Redis and HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import express from 'express';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  memory,
  redis as ownRedis,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit } from 'sluice/nestjs';
import { serve } from '../support/express.mjs';
import { still } from '../support/limits.mjs';
import { everyAlgorithm } from '../support/makers.mjs';
import { controller, platforms, start } from '../support/nestjs.mjs';
import { freePort } from '../support/ports.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const closed = {
  ...everyAlgorithm(0, '1m'),
  'tokenBucket with a refill': tokenBucket({ capacity: 0, refill: 5, every: '1s' }),
  'gcra without a burst': gcra({ limit: 10, every: '1s', burst: 0 }),
  'gcra of nothing at all': gcra({ limit: 0, every: '1s', burst: 0 }),
  'leakyBucket that shapes': leakyBucket({ capacity: 0, leak: 1, every: '1s', mode: 'shape' }),
  'fixedWindow of the calendar': fixedWindow({ limit: 0, window: 'month', align: 'clock' }),
};
const plans = {
  free: { burst: tokenBucket({ capacity: 5, every: '1s' }), daily: closed.fixedWindow },
  pro: {
    burst: tokenBucket({ capacity: 5, every: '1s' }),
    daily: fixedWindow({ limit: 3, window: '1m' }),
  },
};
const { server } = await useRedis();
let prefixes = 0;
const stores = {
  memory: () => ({ store: memory() }),
  Redis: () => ({
    store: redis(server.url),
    prefix: `zero${prefixes++}`,
    onStoreError: 'throw',
    deadlineMs: 60_000,
  }),
};

const answer = ({ allowed, limit, remaining, retryAfterMs, resetAfterMs, delayMs, holder }) => {
  return { allowed, limit, remaining, retryAfterMs, resetAfterMs, delayMs, holder };
};
const denied = {
  allowed: false,
  limit: 0,
  remaining: 0,
  retryAfterMs: Number.POSITIVE_INFINITY,
  resetAfterMs: 0,
  delayMs: 0,
  holder: undefined,
};
const admitted = { ...denied, allowed: true, retryAfterMs: 0 };

for (const [over, options] of Object.entries(stores)) {
  for (const [name, policy] of Object.entries(closed)) {
    test(`${over}: a ${name} of limit 0 denies for good, and admits a cost of 0`, async () => {
      const limiter = createLimiter({ policies: policy, ...options() });
      for (const cost of [1, 7]) {
        assert.deepEqual(answer(await limiter.check('k', { cost })), denied);
      }
      // A repeat may be answered from the denial cache.
      assert.deepEqual(answer(await limiter.check('k')), denied);
      assert.deepEqual(answer(await limiter.check('k', { id: 'a' })), denied);
      assert.deepEqual(answer(await limiter.peek('k')), denied);
      assert.deepEqual(answer(await limiter.wait('k', { maxWaitMs: 60_000 })), denied);
      assert.deepEqual(answer(await limiter.check('k', { cost: 0 })), admitted);
      const raised = await limiter.check('k', { limits: { default: 5 } });
      assert.deepEqual([raised.allowed, raised.limit, raised.remaining], [true, 5, 4]);
      await raised.holder?.release();
      await limiter.close();
    });
  }

  test(`${over}: limits of 0 for one call deny it and change nothing`, async () => {
    for (const [name, policy] of Object.entries({
      tokenBucket: tokenBucket({ capacity: 5, refill: 1, every: '1h', blockFor: '1h' }),
      fixedWindow: fixedWindow({ limit: 5, window: '1h', blockFor: '1h', chargeDenied: true }),
      slidingWindow: slidingWindow({ limit: 5, window: '1h', chargeDenied: true }),
      slidingLog: slidingLog({ limit: 5, window: '1h', blockFor: '1h', chargeDenied: true }),
      concurrency: concurrency({ limit: 5, ttl: '1h', blockFor: '1h', chargeDenied: true }),
    })) {
      const limiter = createLimiter({ policies: policy, ...options() });
      const limits = { default: 0 };
      assert.deepEqual(answer(await limiter.check('k', { limits })), denied, name);
      assert.equal((await limiter.check('k')).remaining, 4, name);
      const second = await limiter.check('k', { limits });
      assert.deepEqual([second.limit, second.retryAfterMs], [0, Number.POSITIVE_INFINITY], name);
      assert.ok(second.resetAfterMs > 0, 'how the key stands');
      assert.equal((await limiter.check('k', { cost: 0, limits })).allowed, true, name);
      assert.equal((await limiter.check('k')).remaining, 3, name);
      await limiter.close();
    }
  });

  test(`${over}: a plan of limit 0 denies, charges nothing, and leaves the others alone`, async () => {
    const limiter = createLimiter({ plans, ...options() });
    const free = await limiter.check('k', { plan: 'free' });
    assert.deepEqual(
      [free.allowed, free.policy, free.limit, free.retryAfterMs],
      [false, 'daily', 0, Number.POSITIVE_INFINITY],
    );
    assert.deepEqual(
      free.policies.map(({ allowed, remaining }) => [allowed, remaining]),
      [
        [true, 5],
        [false, 0],
      ],
    );
    const pro = await limiter.check('k', { plan: 'pro' });
    assert.deepEqual([pro.allowed, pro.policies[0].remaining], [true, 4]);
    const costless = await limiter.check('k', { plan: 'free', cost: { burst: 1, daily: 0 } });
    assert.deepEqual([costless.allowed, costless.policy], [true, 'daily'], 'it has nothing left');
    await limiter.close();
  });
}

test('a wait for a slot under a limit of 0 is denied at once, without a longest wait too', async () => {
  const limiter = createLimiter({ policies: closed.concurrency, store: memory() });
  const signal = AbortSignal.timeout(5000);
  assert.deepEqual(answer(await limiter.wait('k', { signal })), denied);
});

test('in place of a Redis that is away, a share of a limit of 0 is 0', async () => {
  const limiter = createLimiter({
    plans,
    store: ownRedis(`redis://127.0.0.1:${await freePort()}`),
    localShare: 0.5,
    prefix: 'zero-share',
  });
  for (const options of [{ plan: 'free' }, { plan: 'pro', limits: { daily: 0 } }]) {
    const decision = await limiter.check('k', options);
    const { allowed, policy, limit, retryAfterMs, source } = decision;
    assert.deepEqual(
      { allowed, policy, limit, retryAfterMs, source },
      {
        allowed: false,
        policy: 'daily',
        limit: 0,
        retryAfterMs: Number.POSITIVE_INFINITY,
        source: 'local',
      },
    );
  }
  assert.equal((await limiter.check('k', { plan: 'pro' })).policies[1].limit, 1);
  await limiter.close();
});

test('Express: a limit of 0 is answered 429, without a time to come back', async (t) => {
  const { store } = still(plans.pro);
  const limiter = createLimiter({ plans, store });
  const middleware = {
    '/plan': rateLimit({ limiter, key: () => 'k', plan: () => 'free' }),
    '/function': rateLimit({
      limiter,
      key: () => 'k',
      plan: () => 'pro',
      limits: () => ({ daily: 0 }),
    }),
    '/fixed': rateLimit({ limiter, key: () => 'k', plan: () => 'pro', limits: { daily: 0 } }),
  };
  const { send, errors } = await serve(
    t,
    (app) => {
      for (const [path, use] of Object.entries(middleware)) app.use(path, use);
    },
    { makeApp: express },
  );
  for (const path of Object.keys(middleware)) {
    const { status, headers, body } = await send(path);
    assert.equal(status, 429, body);
    assert.match(headers['ratelimit-policy'], /"daily";q=0;w=60/);
    assert.equal(headers.ratelimit, '"daily";r=0');
    assert.equal(headers['retry-after'], undefined);
    assert.equal(headers['content-type'], 'application/problem+json');
    assert.deepEqual(JSON.parse(body)['violated-policies'], ['daily']);
  }
  assert.deepEqual(errors, []);
});

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`NestJS over ${platform}: limits of 0 are answered 429`, async (t) => {
    const handlers = {
      module: [],
      own: [RateLimit({ policies: closed.slidingLog })],
      decorated: [RateLimit({ limits: { daily: 0 } })],
    };
    const limits = ({ headers }) => (headers['x-closed'] ? { daily: 0 } : undefined);
    const policies = { daily: fixedWindow({ limit: 5, window: '1m' }) };
    const options = { policies, limits, key: () => 'k', global: true };
    const { send } = await start(t, adapter, options, { controllers: [controller(handlers)] });
    assert.equal((await send('/module')).status, 200);
    for (const [path, extra] of [
      ['/module', { headers: { 'x-closed': '1' } }],
      ['/own', {}],
      ['/decorated', {}],
    ]) {
      const { status, headers, body } = await send(path, extra);
      assert.equal(status, 429, body);
      assert.match(headers.ratelimit, /^"(daily|default)";r=0$/);
      assert.equal(headers['retry-after'], undefined);
    }
  });
}
