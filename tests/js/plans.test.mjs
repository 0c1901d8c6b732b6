// Plans: sets of policies by name, one of which each check names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow, slidingLog, tokenBucket } from 'sluice';
import { still } from '../support/limits.mjs';

const day = (limit, extra) => fixedWindow({ limit, window: '1d', ...extra });
const plans = {
  free: { daily: day(10) },
  pro: { daily: day(100), burst: tokenBucket({ capacity: 5, every: '1s' }) },
};

test('a check is decided by the policies of its plan', () => {
  const { limiter } = still(undefined, { plans });
  const free = limiter.checkSync('a', { plan: 'free' });
  assert.deepEqual([free.limit, free.policies.length], [10, 1]);
  const pro = limiter.checkSync('b', { plan: 'pro' });
  assert.deepEqual(
    pro.policies.map(({ policy, limit }) => [policy, limit]),
    [
      ['daily', 100],
      ['burst', 5],
    ],
  );
});

test('an upgrade keeps what was used, and so does the way back', () => {
  const { limiter } = still(undefined, { plans });
  limiter.checkSync('a', { plan: 'free', cost: 10 });
  assert.equal(limiter.checkSync('a', { plan: 'free' }).allowed, false);
  assert.equal(limiter.checkSync('a', { plan: 'pro' }).policies[0].remaining, 89);
  assert.equal(limiter.checkSync('a', { plan: 'free' }).allowed, false);
});

test('a policy of another window or algorithm starts anew under its plan', () => {
  const { limiter } = still(undefined, {
    plans: {
      a: { p: day(10) },
      b: { p: fixedWindow({ limit: 10, window: '2d' }) },
      c: { p: slidingLog({ limit: 10, window: '1d' }) },
    },
  });
  for (const plan of ['a', 'b', 'c']) {
    assert.equal(limiter.checkSync('k', { plan, cost: 4 }).remaining, 6, plan);
  }
});

test('one policy alone is a plan too, named default', () => {
  const { limiter } = still(undefined, { plans: { free: day(1), pro: day(2) } });
  assert.equal(limiter.checkSync('a', { plan: 'free' }).policy, 'default');
  assert.equal(limiter.checkSync('a', { plan: 'pro' }).remaining, 0);
});

test('the limiter tells its policies and plans', () => {
  const { limiter } = still(undefined, { plans });
  assert.deepEqual(limiter.policyNames, ['daily', 'burst']);
  assert.equal(limiter.policies.daily, plans.free.daily, 'of the first plan that has it');
  assert.equal(limiter.plans.pro.daily, plans.pro.daily);
  assert.deepEqual(Object.keys(limiter.plans.free), ['daily']);
  assert.deepEqual(still(day(1)).limiter.plans, {});
});

test('a plan that is missing or unknown is refused with the plans that there are', async () => {
  const { limiter } = still(undefined, { plans });
  for (const [plan, name] of [
    [undefined, 'RangeError'],
    ['por', 'RangeError'],
    ['', 'RangeError'],
    ['__proto__', 'RangeError'],
    ['constructor', 'RangeError'],
    [7, 'TypeError'],
    [null, 'TypeError'],
  ]) {
    const expected = { name, code: 'ERR_SLUICE_PLAN', argument: 'plan', message: /'free', 'pro'/ };
    assert.throws(() => limiter.checkSync('a', { plan }), expected);
    await assert.rejects(limiter.wait('a', { plan }), expected);
    await assert.rejects(limiter.peek('a', { plan }), expected);
    await assert.rejects(limiter.debit('a', 1, { plan }), expected);
    await assert.rejects(limiter.credit('a', 1, { plan }), expected);
    await assert.rejects(limiter.checkMany([{ key: 'a', plan }]), {
      ...expected,
      argument: 'checks[0].plan',
    });
  }
  assert.throws(() => limiter.checkSync('a'), { code: 'ERR_SLUICE_PLAN' });
});

test('cost and limits may name policies of any plan, and no others', () => {
  const { limiter } = still(undefined, { plans });
  for (const option of ['cost', 'limits']) {
    for (const plan of ['free', 'pro']) {
      assert.equal(limiter.checkSync(option, { plan, [option]: { burst: 1 } }).allowed, true);
      assert.throws(() => limiter.checkSync('a', { plan, [option]: { brust: 1 } }), {
        code: 'ERR_SLUICE_UNKNOWN_OPTION',
        argument: `${option}.brust`,
        message: /'burst'/,
      });
    }
  }
});

test('a plan where there are none is an unknown option', () => {
  const { limiter } = still(day(1));
  assert.throws(() => limiter.checkSync('a', { plan: 'free' }), {
    code: 'ERR_SLUICE_UNKNOWN_OPTION',
    argument: 'check.plan',
  });
});

test('checkMany takes a plan for each check', async () => {
  const { limiter } = still(undefined, { plans });
  const decisions = await limiter.checkMany([
    { key: 'a', plan: 'free', cost: 9 },
    { key: 'a', plan: 'pro' },
    { key: 'a', plan: 'free' },
  ]);
  assert.deepEqual(
    decisions.map(({ allowed, policies }) => [allowed, policies[0].remaining]),
    [
      [true, 1],
      [true, 90],
      [false, 0],
    ],
  );
});

test('block, unblock and reset are of all plans', async () => {
  const { limiter } = still(undefined, { plans });
  await limiter.block('a', '1h');
  for (const plan of ['free', 'pro']) assert.equal(limiter.checkSync('a', { plan }).allowed, false);
  await limiter.unblock('a');
  for (const plan of ['free', 'pro']) assert.equal(limiter.checkSync('a', { plan }).allowed, true);
  await limiter.reset('a');
  assert.equal(limiter.checkSync('a', { plan: 'free' }).remaining, 9);
  assert.equal((await limiter.peek('a', { plan: 'pro' })).policies[1].remaining, 5);
});

test('a key has the parts of all plans, and each plan counts by its own', async () => {
  const { limiter } = still(undefined, {
    plans: {
      free: { daily: day(10, { by: 'tenant' }) },
      pro: { daily: day(100, { by: 'tenant' }), each: day(5, { by: ['tenant', 'user'] }) },
    },
  });
  const key = { tenant: 't', user: 'u' };
  assert.equal(limiter.checkSync(key, { plan: 'free' }).remaining, 9);
  assert.deepEqual(
    limiter.checkSync(key, { plan: 'pro' }).policies.map(({ remaining }) => remaining),
    [98, 4],
  );
  await limiter.block({ tenant: 't', user: 'u' }, '1h');
  assert.equal(limiter.checkSync(key, { plan: 'free' }).allowed, true, 'it counts by tenants');
  assert.equal(limiter.checkSync(key, { plan: 'pro' }).policy, 'each');
  await limiter.reset(key);
  assert.equal(limiter.checkSync(key, { plan: 'pro' }).allowed, true);
  assert.throws(() => limiter.checkSync({ tenant: 't' }, { plan: 'pro' }), {
    argument: 'key.user',
  });
  assert.equal(limiter.checkSync({ tenant: 't' }, { plan: 'free' }).allowed, true);
});

test('plans that cannot be meant are refused where they are said', () => {
  for (const [options, name, code, argument] of [
    [{ plans: {} }, 'RangeError', 'ERR_SLUICE_OPTIONS', 'plans'],
    [{ plans: [] }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'plans'],
    [{ plans: null }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'plans'],
    [{ plans: 'free' }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'plans'],
    [{ plans, policies: day(1) }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'policies'],
    [{ plans: { free: {} } }, 'RangeError', 'ERR_SLUICE_POLICY', 'plans.free'],
    [{ plans: { free: undefined } }, 'TypeError', 'ERR_SLUICE_POLICY', 'plans.free'],
    [{ plans: { free: { a: 5 } } }, 'TypeError', 'ERR_SLUICE_POLICY', 'plans.free.a'],
    [{ plans: { free: { 'a b': day(1) } } }, 'RangeError', 'ERR_SLUICE_POLICY_NAME', 'plans.free'],
    [
      { plans: { free: { a: day(1), b: day(1, { by: 't' }) } } },
      'RangeError',
      'ERR_SLUICE_POLICY',
      'plans.free.a.by',
    ],
    [
      { plans: { free: day(1, { by: 't' }), pro: day(1, { by: ['t', 'u'] }) } },
      'RangeError',
      'ERR_SLUICE_POLICY',
      'plans.pro.default.by',
    ],
    [
      { plans: { free: day(1), pro: { other: day(1, { by: 't' }) } } },
      'RangeError',
      'ERR_SLUICE_POLICY',
      'plans.pro.other.by',
    ],
  ]) {
    assert.throws(() => createLimiter(options), { name, code, argument });
  }
});
