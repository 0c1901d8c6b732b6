// The Express middleware with plans, limits of one call, keys of parts and shadows: admissions and responses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, fixedWindow, memory, slidingLog, slidingWindow, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { allowAll, denyAll, manualClock } from 'sluice/testing';
import { decision, scriptedLimiter, serve } from '../support/express.mjs';
import { plans, tenantPolicies } from '../support/plans.mjs';

const byHeaders = (req) => ({ tenant: req.get('x-tenant'), user: req.get('x-user') });
const as = (user, tenant, plan) => ({
  headers: {
    'x-user': user,
    ...(tenant && { 'x-tenant': tenant }),
    ...(plan && { 'x-plan': plan }),
  },
});
const key = (req) => req.get('x-user');
const statusOf = (send) => async (options) => (await send('/', options)).status;

for (const [kind, later] of [
  ['at once', (value) => value],
  ['later', async (value) => value],
]) {
  test(`the plan that a function names ${kind} decides, and what was used stays after an upgrade`, async (t) => {
    const store = memory({ clock: manualClock() });
    const plan = (req) => later(req.get('x-plan'));
    const { send } = await serve(t, (app) => app.use(rateLimit({ plans, store, key, plan })));
    const free = as('ann', undefined, 'free');
    const first = await send('/', free);
    assert.equal(first.headers['ratelimit-policy'], '"daily";q=2;w=86400');
    assert.equal(first.headers.ratelimit, '"daily";r=1;t=86400');
    assert.equal((await send('/', free)).status, 200);
    const denied = await send('/', free);
    assert.equal(denied.status, 429);
    assert.equal(denied.headers['retry-after'], '86400');

    const pro = await send('/', as('ann', undefined, 'pro'));
    assert.equal(pro.status, 200);
    assert.equal(pro.headers['ratelimit-policy'], '"daily";q=5;w=86400, "burst";q=4;w=10');
    assert.equal(pro.headers.ratelimit, '"daily";r=2;t=86400');
  });

  test(`limits that a function gives ${kind} hold for the call, and the headers say them`, async (t) => {
    const limits = (req) => later(req.query.n && { daily: Number(req.query.n) });
    const policies = {
      daily: slidingLog({ limit: 2, window: '1h' }),
      burst: tokenBucket({ capacity: 9, every: '3s' }),
    };
    const store = memory({ clock: manualClock() });
    const { send } = await serve(t, (app) => app.use(rateLimit({ policies, store, limits })));
    const vip = await send('/?n=4');
    assert.equal(vip.headers['ratelimit-policy'], '"daily";q=4;w=3600, "burst";q=9;w=3');
    assert.equal(vip.headers.ratelimit, '"daily";r=3;t=3600');
    const usual = await send('/');
    assert.equal(usual.headers['ratelimit-policy'], '"daily";q=2;w=3600, "burst";q=9;w=3');
    assert.equal(usual.headers.ratelimit, '"daily";r=0;t=3600');
    assert.equal((await send('/')).status, 429);
    assert.equal((await send('/?n=4')).status, 200);
  });
}

test('a fixed plan and fixed limits need no function', async (t) => {
  const store = memory({ clock: manualClock() });
  const options = { plans, store, key, plan: 'pro', limits: { burst: 8 }, cost: { daily: 2 } };
  const { send } = await serve(t, (app) => app.use(rateLimit(options)));
  const { headers } = await send('/', as('ann'));
  // The bucket refills at its own rate, so twice the capacity takes twice the time.
  assert.equal(headers['ratelimit-policy'], '"daily";q=5;w=86400, "burst";q=8;w=20');
  assert.equal(headers.ratelimit, '"daily";r=3;t=86400');
});

test('a policy of parts counts each combination of them apart, and one that names fewer counts across', async (t) => {
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies: tenantPolicies(), key: byHeaders })),
  );
  const status = statusOf(send);
  assert.equal(await status(as('ann', 't1')), 200);
  assert.equal(await status(as('ann', 't1')), 200);
  assert.equal(await status(as('ann', 't1')), 429, "ann's own limit");
  assert.equal(await status(as('ann', 't2')), 200, 'the same name elsewhere');
  assert.equal(await status(as('bob', 't1')), 200);
  assert.equal(await status(as('eve', 't1')), 429, "the tenant's limit");
});

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

test('a shadow denies nobody, and no client is told of it', async (t) => {
  const policies = {
    trial: tokenBucket({ capacity: 1, every: '10d', enforce: false }),
    real: tokenBucket({ capacity: 2, every: '10d' }),
  };
  const { send } = await serve(t, (app) => app.use(rateLimit({ policies })));
  assert.equal((await send()).status, 200);
  const second = await send();
  assert.equal(second.status, 200, 'the shadow would deny it');
  assert.equal(second.headers['ratelimit-policy'], '"real";q=2;w=864000');
  assert.match(second.headers.ratelimit, /^"real";r=0;/);
  const third = await send();
  assert.equal(third.status, 429);
  assert.deepEqual(JSON.parse(third.body)['violated-policies'], ['real']);
});

test('where nobody enforces there is nothing to tell', async (t) => {
  const policies = tokenBucket({ capacity: 1, every: '10d', enforce: false });
  for (const limits of [undefined, () => ({ default: 2 })]) {
    const { send } = await serve(t, (app) => app.use(rateLimit({ policies, limits })));
    await send();
    const { status, headers } = await send();
    assert.equal(status, 200);
    for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
      assert.equal(headers[name], undefined, name);
    }
  }
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

test('limits may concern a concurrency policy, too', async (t) => {
  const policies = concurrency({ limit: 5, ttl: '30s' });
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies, limits: { default: 2 } })),
  );
  const { headers } = await send();
  assert.equal(headers['ratelimit-policy'], '"default";q=2;qu="concurrent-requests"');
  assert.equal(headers.ratelimit, '"default";r=1');
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
