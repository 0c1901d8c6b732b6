// Several policies in one check: costs by name, the limits of one call, and which policy speaks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedWindow } from 'sluice';
import { admitted, still } from '../support/limits.mjs';
import { everyAlgorithm } from '../support/makers.mjs';

const ten = everyAlgorithm(10, '1h');
const names = Object.keys(ten);
const left = (decision) =>
  Object.fromEntries(decision.policies.map(({ policy, remaining }) => [policy, remaining]));
const all = (n) => Object.fromEntries(names.map((name) => [name, n]));

test('policies of every algorithm decide together, in the order declared', () => {
  const { limiter } = still(ten);
  assert.deepEqual(limiter.policyNames, names);
  const decision = limiter.checkSync('a', { cost: 3 });
  assert.deepEqual(left(decision), { ...all(7), concurrency: 9 });
  assert.deepEqual(
    decision.policies.map(({ policy }) => policy),
    names,
  );
});

for (const name of names) {
  test(`when ${name} denies, no policy is charged`, async () => {
    const { limiter } = still(ten);
    const cost = { ...all(0), [name]: 1 };
    assert.equal(admitted(limiter, 'a', 10, { cost }), 10);
    const denied = limiter.checkSync('a', { cost: 2 });
    assert.deepEqual([denied.allowed, denied.policy, denied.holder], [false, name, undefined]);
    assert.deepEqual(left(denied), { ...all(10), [name]: 0 });
    assert.deepEqual(left(await limiter.peek('a', { cost: 0 })), { ...all(10), [name]: 0 });
  });
}

test('costs by name: an unnamed policy costs 1', () => {
  const { limiter } = still(ten);
  const decision = limiter.checkSync('a', {
    cost: { tokenBucket: 5, slidingLog: 0, fixedWindow: undefined },
  });
  assert.deepEqual(left(decision), { ...all(9), tokenBucket: 5, slidingLog: 10 });
});

test('of those that deny, the one that takes longest speaks; else the one with the least left', () => {
  const { limiter } = still({
    minute: fixedWindow({ limit: 2, window: '1m' }),
    hour: fixedWindow({ limit: 4, window: '1h' }),
  });
  assert.equal(limiter.checkSync('a').policy, 'minute', 'half against three quarters');
  limiter.checkSync('a', { cost: { minute: 0, hour: 2 } });
  assert.equal(limiter.checkSync('a', { cost: { minute: 1, hour: 1 } }).policy, 'minute', 'equal');
  const denied = limiter.checkSync('a');
  assert.deepEqual([denied.policy, denied.limit, denied.retryAfterMs], ['hour', 4, 3_600_000]);
});

test('limits: another limit for one call; what was used stays', () => {
  const { limiter } = still(ten);
  limiter.checkSync('a', { cost: 8 });
  const limits = all(20);
  const more = limiter.checkSync('a', { cost: 5, limits });
  assert.equal(more.allowed, true);
  assert.deepEqual(left(more), { ...all(7), concurrency: 18 });
  assert.ok(more.policies.every(({ limit }) => limit === 20));
  const again = limiter.checkSync('a');
  assert.equal(again.allowed, false, '13 of 10 are used');
  assert.deepEqual(left(again), { ...all(0), concurrency: 8 });
});

test('limits: a lower one denies what the policy itself would admit', () => {
  const { limiter } = still(ten);
  limiter.checkSync('a', { cost: 3 });
  for (const name of names) {
    const limit = name === 'concurrency' ? 1 : 3;
    const denied = limiter.checkSync('a', { limits: { [name]: limit } });
    assert.deepEqual([denied.allowed, denied.policy, denied.limit], [false, name, limit]);
  }
  assert.equal(limiter.checkSync('a', { cost: 7 }).allowed, true, 'without them: 10');
});

test('limits change what can never be admitted', () => {
  const { limiter } = still({ daily: fixedWindow({ limit: 10, window: '1d' }) });
  const never = limiter.checkSync('a', { cost: 11 });
  assert.equal(never.retryAfterMs, Number.POSITIVE_INFINITY);
  assert.equal(limiter.checkSync('a', { cost: 11, limits: { daily: 11 } }).allowed, true);
});

test('sixteen policies decide together', () => {
  const policies = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`p${i}`, fixedWindow({ limit: i + 1, window: '1h' })]),
  );
  const { limiter } = still(policies);
  assert.deepEqual(
    limiter.checkSync('a').policies.map(({ remaining }) => remaining),
    Array.from({ length: 16 }, (_, i) => i),
  );
  const denied = limiter.checkSync('a', { cost: { p0: 0, p15: 17 } });
  assert.deepEqual(
    [denied.policy, denied.limit, denied.retryAfterMs],
    ['p15', 16, Number.POSITIVE_INFINITY],
  );
});

test('checkMany decides in order, each check by its own cost and limits, all keys in one call', async () => {
  const { limiter } = still({ a: fixedWindow({ limit: 3, window: '1h' }) });
  const decisions = await limiter.checkMany([
    { key: 'k', cost: 2 },
    { key: 'k', cost: 2 },
    { key: 'k', cost: 2, limits: { a: 4 } },
    { key: 'other', cost: { a: 3 } },
    { key: 'k', cost: 0 },
  ]);
  assert.deepEqual(
    decisions.map(({ allowed, remaining }) => [allowed, remaining]),
    [
      [true, 1],
      [false, 1],
      [true, 0],
      [true, 0],
      [true, 0],
    ],
  );
});

test('checkMany has read its list when it returns: later changes have no effect', async () => {
  const { limiter } = still({ a: fixedWindow({ limit: 1, window: '1h' }) });
  const list = [{ key: 'k' }, { key: 'k' }];
  const later = limiter.checkMany(list);
  list.length = 0;
  assert.deepEqual(
    (await later).map(({ allowed }) => allowed),
    [true, false],
  );
});
