// Plans, limits of one request, keys of parts and shadows under every framework: admissions and header fields.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, memory, slidingLog, tokenBucket } from 'sluice';
import { manualClock } from 'sluice/testing';
import { frameworks } from '../support/frameworks.mjs';
import { plans, tenantPolicies } from '../support/plans.mjs';

const key = ({ headers }) => headers['x-user'];
const parts = ({ headers }) => ({ tenant: headers['x-tenant'], user: headers['x-user'] });
const as = (user, tenant) => ({ 'x-user': user, 'x-tenant': tenant });
const bucket = (capacity, options) => tokenBucket({ capacity, every: '10d', ...options });
const stopped = () => memory({ clock: manualClock() });

/** The quota fields of a response. */
const fields = ({ headers }) => [headers['ratelimit-policy'], headers.ratelimit];

for (const [framework, guarded] of frameworks) {
  for (const [kind, later] of [
    ['at once', (value) => value],
    ['later', async (value) => value],
  ]) {
    test(`${framework}: the plan that a function names ${kind} decides, and an upgrade keeps the count`, async (t) => {
      const plan = ({ headers }) => later(headers['x-plan']);
      const { send } = await guarded(t, { plans, store: stopped(), key, plan });
      const free = { ...as('ann', 't'), 'x-plan': 'free' };
      assert.deepEqual(fields(await send(free)), ['"daily";q=2;w=86400', '"daily";r=1;t=86400']);
      assert.equal((await send(free)).status, 200);
      const denied = await send(free);
      assert.equal(denied.status, 429);
      assert.equal(denied.headers['retry-after'], '86400');
      const pro = await send({ ...free, 'x-plan': 'pro' });
      assert.equal(pro.status, 200);
      const policies = '"daily";q=5;w=86400, "burst";q=4;w=10';
      assert.deepEqual(fields(pro), [policies, '"daily";r=2;t=86400']);
    });

    test(`${framework}: limits that a function gives ${kind} hold for the call, and the fields show them`, async (t) => {
      const limits = ({ headers }) => later(headers['x-n'] && { daily: Number(headers['x-n']) });
      const policies = {
        daily: slidingLog({ limit: 2, window: '1h' }),
        burst: tokenBucket({ capacity: 9, every: '3s' }),
      };
      const { send } = await guarded(t, { policies, store: stopped(), limits });
      const vip = ['"daily";q=4;w=3600, "burst";q=9;w=3', '"daily";r=3;t=3600'];
      assert.deepEqual(fields(await send({ 'x-n': '4' })), vip);
      const usual = ['"daily";q=2;w=3600, "burst";q=9;w=3', '"daily";r=0;t=3600'];
      assert.deepEqual(fields(await send()), usual);
      assert.equal((await send()).status, 429);
      assert.equal((await send({ 'x-n': '4' })).status, 200);
    });
  }

  test(`${framework}: a fixed plan and fixed limits need no function`, async (t) => {
    const fixed = { plan: 'pro', limits: { burst: 8 }, cost: { daily: 2 } };
    const { send } = await guarded(t, { plans, store: stopped(), key, ...fixed });
    // The bucket refills at its own rate, so twice the capacity takes twice the time.
    const policies = '"daily";q=5;w=86400, "burst";q=8;w=20';
    assert.deepEqual(fields(await send(as('ann', 't'))), [policies, '"daily";r=3;t=86400']);
  });

  test(`${framework}: a policy counts each combination of its parts apart`, async (t) => {
    const { send } = await guarded(t, { policies: tenantPolicies(), key: parts });
    for (const [user, tenant, status, why] of [
      ['ann', 't1', 200],
      ['ann', 't1', 200],
      ['ann', 't1', 429, "ann's own limit"],
      ['ann', 't2', 200, 'the same name elsewhere'],
      ['bob', 't1', 200],
      ['eve', 't1', 429, "the tenant's limit"],
    ]) {
      assert.equal((await send(as(user, tenant))).status, status, why);
    }
  });

  test(`${framework}: a shadow denies no request, and no client sees it`, async (t) => {
    const policies = { trial: bucket(1, { enforce: false }), real: bucket(2) };
    const { send } = await guarded(t, { policies });
    assert.equal((await send()).status, 200);
    const second = await send();
    assert.equal(second.status, 200, 'the shadow would deny it');
    const [policy, limit] = fields(second);
    assert.equal(policy, '"real";q=2;w=864000');
    assert.match(limit, /^"real";r=0;/);
    const third = await send();
    assert.equal(third.status, 429);
    assert.deepEqual(JSON.parse(third.body)['violated-policies'], ['real']);
  });

  test(`${framework}: there are no fields if no policy enforces`, async (t) => {
    const policies = bucket(1, { enforce: false });
    for (const limits of [undefined, () => ({ default: 2 })]) {
      const { send } = await guarded(t, { policies, ...(limits && { limits }) });
      await send();
      const { status, headers } = await send();
      const found = ['ratelimit', 'ratelimit-policy', 'retry-after'].map((name) => headers[name]);
      assert.deepEqual([status, ...found], [200, undefined, undefined, undefined]);
    }
  });

  test(`${framework}: a concurrency policy has a unit of its own in the fields`, async (t) => {
    const policies = concurrency({ limit: 5, ttl: '30s' });
    for (const [limits, shown] of [
      [{}, ['"default";q=5;qu="concurrent-requests"', '"default";r=4']],
      [{ default: 2 }, ['"default";q=2;qu="concurrent-requests"', '"default";r=1']],
    ]) {
      const { send } = await guarded(t, { policies, limits });
      assert.deepEqual(fields(await send()), shown);
    }
  });
}
