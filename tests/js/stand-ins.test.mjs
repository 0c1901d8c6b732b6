// allowAll and denyAll: limiters for tests of code that asks one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedWindow } from 'sluice';
import { allowAll, denyAll } from 'sluice/testing';
import { still } from '../support/limits.mjs';

test('allowAll admits whatever it is asked, denyAll denies it', async () => {
  for (const [limiter, allowed] of [
    [allowAll(), true],
    [denyAll(), false],
  ]) {
    const key = { tenant: 't1' };
    const answers = [
      limiter.checkSync('k'),
      limiter.checkSync(key, { plan: 'pro', cost: 2 ** 31 - 1, limits: { daily: 1 } }),
      await limiter.check('k', { cost: { tokens: 5 } }),
      await limiter.wait('k', { maxWaitMs: 5 }),
      await limiter.peek('k'),
      ...(await limiter.checkMany([{ key: 'a' }, { key }])),
    ];
    assert.equal(answers.length, 7);
    for (const decision of answers) assert.equal(decision.allowed, allowed);
    await limiter.debit('k', 5);
    await limiter.credit('k', 5, { of: answers[0] });
    await limiter.block('k', '1h');
    await limiter.unblock('k');
    await limiter.reset('k');
    assert.equal(limiter.checkSync('k').allowed, allowed, 'and nothing changes that');
    await limiter.close();
  }
});

test("a stand-in's wait with orThrow rejects with the denial", async () => {
  const decision = await allowAll().wait('k', { orThrow: true });
  assert.equal(decision.allowed, true);
  await assert.rejects(denyAll().wait('k', { orThrow: true }), {
    code: 'ERR_SLUICE_DENIED',
    decision: denyAll().checkSync('k'),
  });
});

test('a stand-in rejects a wait that was aborted before, with the reason', async () => {
  const gone = new Error('given up');
  for (const limiter of [allowAll(), denyAll()]) {
    await assert.rejects(limiter.wait('k', { signal: AbortSignal.abort(gone) }), gone);
    assert.deepEqual([limiter.stats().allowed, limiter.stats().denied], [0, 0]);
  }
});

test('denyAll says when to retry', () => {
  assert.equal(denyAll().checkSync('k').retryAfterMs, 1000);
  const hour = denyAll({ retryAfterMs: 3_600_000 }).checkSync('k');
  assert.deepEqual([hour.retryAfterMs, hour.resetAfterMs], [3_600_000, 3_600_000]);
  const never = denyAll({ retryAfterMs: Number.POSITIVE_INFINITY }).checkSync('k');
  assert.equal(never.retryAfterMs, Number.POSITIVE_INFINITY);
  assert.equal(JSON.parse(JSON.stringify(never)).allowed, false);
});

test('a stand-in has all that a limiter and a decision have', () => {
  const { limiter } = still(fixedWindow({ limit: 1, window: '1s' }));
  const members = (object) => {
    const names = new Set();
    for (let at = object; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    }
    return names;
  };
  const api = [
    ...['policyNames', 'policies', 'plans', 'store', 'check', 'checkSync', 'checkMany', 'wait'],
    ...['peek', 'debit', 'credit', 'block', 'unblock', 'reset', 'stats', 'close'],
  ];
  const real = limiter.checkSync('k');
  for (const standIn of [allowAll(), denyAll()]) {
    for (const name of api) {
      assert.ok(members(limiter).has(name) && members(standIn).has(name), name);
    }
    const decision = standIn.checkSync('k');
    const { policies, ...rest } = decision.toJSON();
    const expected = real.toJSON();
    assert.deepEqual(Object.keys({ ...rest, policies }).sort(), Object.keys(expected).sort());
    assert.deepEqual(Object.keys(policies[0]), Object.keys(expected.policies[0]));
  }
});

test('a stand-in counts what it is asked, peeks apart', async () => {
  const limiter = denyAll();
  limiter.checkSync('k');
  await limiter.checkMany([{ key: 'a' }, { key: 'b' }]);
  await limiter.peek('k');
  const { allowed, denied } = limiter.stats();
  assert.deepEqual([allowed, denied], [0, 3]);
  const open = allowAll();
  await open.wait('k');
  assert.deepEqual([open.stats().allowed, open.stats().denied], [1, 0]);
});

test('wrong options of denyAll are refused by name', () => {
  for (const retryAfterMs of [0, -1, 1.5, Number.NaN, '1s', null]) {
    assert.throws(() => denyAll({ retryAfterMs }), {
      code: 'ERR_SLUICE_OPTIONS',
      argument: 'retryAfterMs',
    });
  }
  assert.throws(() => denyAll({ retryAfter: 5 }), {
    code: 'ERR_SLUICE_UNKNOWN_OPTION',
    message: /'retryAfterMs'/,
  });
  assert.throws(() => denyAll(null), { code: 'ERR_SLUICE_OPTIONS' });
});
