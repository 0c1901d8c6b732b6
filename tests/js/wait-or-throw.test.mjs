// wait with orThrow: a denial rejects.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedWindow, gcra, SluiceError } from 'sluice';
import { still } from '../support/limits.mjs';

const spaced = gcra({ limit: 10, every: '1s', burst: 1 });

// A store that gives turns says when the same wait would be admitted; else it is when a check would.
for (const [name, policies, retryAfterMs] of [
  ['gcra', spaced, 50],
  ['fixedWindow', fixedWindow({ limit: 1, window: 100 }), 100],
]) {
  test(`${name}: a denial rejects with its decision, and counts as one`, async () => {
    const { limiter } = still(policies);
    const admitted = await limiter.wait('k', { orThrow: true });
    assert.equal(admitted.allowed, true);
    await assert.rejects(limiter.wait('k', { orThrow: true, maxWaitMs: 50 }), (error) => {
      assert.ok(error instanceof SluiceError);
      assert.equal(error.code, 'ERR_SLUICE_DENIED');
      const message = `denied by policy 'default': it can be admitted in ${retryAfterMs} ms`;
      assert.equal(error.message, message);
      assert.equal(error.decision.allowed, false);
      assert.equal(error.decision.retryAfterMs, retryAfterMs);
      return true;
    });
    const { allowed, denied } = limiter.stats();
    assert.deepEqual([allowed, denied], [1, 1]);
    const value = await limiter.wait('k', { orThrow: false, maxWaitMs: 50 });
    assert.equal(value.allowed, false);
  });
}

test('a call that can never be admitted is said to be one', async () => {
  const { limiter } = still(spaced);
  await assert.rejects(limiter.wait('k', { orThrow: true, cost: 2 }), {
    code: 'ERR_SLUICE_DENIED',
    message: "denied by policy 'default': the call can never be admitted",
  });
});

test('an aborted wait rejects with the reason of its signal', async () => {
  const { limiter } = still(spaced);
  const reason = new Error('no more');
  const signal = AbortSignal.abort(reason);
  await assert.rejects(limiter.wait('k', { orThrow: true, signal }), reason);
});

test('anything but true or false is refused', async () => {
  const { limiter } = still(spaced);
  for (const orThrow of [1, 'true', null, {}]) {
    await assert.rejects(limiter.wait('k', { orThrow }), {
      code: 'ERR_SLUICE_OPTIONS',
      argument: 'orThrow',
    });
  }
  assert.equal(limiter.checkSync('k').allowed, true, 'nothing was charged');
});
