// The Express middleware with plans, keys of parts and stubs, beyond http-plans.test.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, fixedWindow, memory, slidingLog, slidingWindow, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { allowAll, denyAll, manualClock } from 'sluice/testing';
import { decision, scriptedLimiter, serve } from '../support/express.mjs';
import { tenantPolicies } from '../support/plans.mjs';

const byHeaders = (req) => ({ tenant: req.get('x-tenant'), user: req.get('x-user') });
const as = (user, tenant, plan) => ({
  headers: {
    'x-user': user,
    ...(tenant && { 'x-tenant': tenant }),
    ...(plan && { 'x-plan': plan }),
  },
});
const statusOf = (send) => async (options) => (await send('/', options)).status;

test('one key function serves plans that count by different parts', async (t) => {
  const daily = tokenBucket({ capacity: 3, every: '10d', by: 'tenant' });
  const user = tokenBucket({ capacity: 1, every: '10d', by: ['tenant', 'user'] });
  const plan = (req) => req.get('x-plan');
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ plans: { free: { daily }, pro: { daily, user } }, key: byHeaders, plan })),
  );
  const status = statusOf(send);
  assert.equal(await status(as('ann', 't1', 'pro')), 200);
  assert.equal(await status(as('ann', 't1', 'pro')), 429);
  assert.equal(await status(as('ann', 't1', 'free')), 200);
  assert.equal(await status(as('bob', 't1', 'free')), 200);
  assert.equal(await status(as('eve', 't1', 'free')), 429);
});

test('shardBy is a part of the key, and of what is counted apart', async (t) => {
  const policies = tokenBucket({ capacity: 1, every: '10d', by: 'user' });
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies, shardBy: 'tenant', key: byHeaders })),
  );
  const status = statusOf(send);
  assert.equal(await status(as('ann', 't1')), 200);
  assert.equal(await status(as('ann', 't2')), 200);
  assert.equal(await status(as('ann', 't1')), 429);
});

test('req.rateLimit tells the key of parts as it was given', async (t) => {
  let seen;
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies: tenantPolicies(), key: byHeaders }), (req, _res, next) => {
      seen = req.rateLimit.key;
      next();
    }),
  );
  await send('/', as('ann', 't1'));
  assert.deepEqual(seen, { tenant: 't1', user: 'ann' });
});

test('every algorithm has a header of its own kind', async (t) => {
  const clock = manualClock();
  const of = async (policies) => {
    const { send } = await serve(t, (app) =>
      app.use(rateLimit({ policies, store: memory({ clock }) })),
    );
    const { headers } = await send();
    return [headers['ratelimit-policy'], headers.ratelimit];
  };
  assert.deepEqual(await of(concurrency({ limit: 5, ttl: '30s' })), [
    '"default";q=5;qu="concurrent-requests"',
    '"default";r=4',
  ]);
  assert.deepEqual(await of(fixedWindow({ limit: 5, window: '90s' })), [
    '"default";q=5;w=90',
    '"default";r=4;t=90',
  ]);
  assert.deepEqual(await of(slidingLog({ limit: 5, window: '90s' })), [
    '"default";q=5;w=90',
    '"default";r=4;t=90',
  ]);
  const [policy] = await of(slidingWindow({ limit: 5, window: '90s' }));
  assert.equal(policy, '"default";q=5;w=90');
});

test("stand-ins of 'sluice/testing' take any key, plan and limits", async (t) => {
  const options = { key: byHeaders, plan: 'pro', cost: { any: 2 }, limits: { any: 1 } };
  for (const [limiter, status] of [
    [allowAll(), 200],
    [denyAll(), 429],
  ]) {
    const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, ...options })));
    assert.equal((await send('/', as('ann', 't1'))).status, status);
  }
});

test('a limiter is asked with what was fixed and what functions gave, and with nothing else', async (t) => {
  for (const synchronous of [true, false]) {
    const limiter = scriptedLimiter(decision(), { synchronous });
    const ask = async (options) => {
      const { send } = await serve(t, (app) =>
        app.use(rateLimit({ limiter, key: () => 'k', ...options })),
      );
      assert.equal((await send()).status, 200);
      return limiter.asked.pop();
    };
    assert.deepEqual(await ask({}), { key: 'k' });
    assert.deepEqual(await ask({ cost: async () => 2 }), { key: 'k', cost: 2 });
    const all = { cost: () => 0, plan: async () => 'p', limits: () => undefined };
    assert.deepEqual(await ask(all), { key: 'k', cost: 0, plan: 'p', limits: undefined });
  }
});
