// Copies of a decision: spread, structuredClone, JSON, deep equality.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { allowAll, denyAll } from 'sluice/testing';
import { still } from '../support/limits.mjs';

const FIELDS = [
  'allowed',
  'policy',
  'limit',
  'remaining',
  'retryAfterMs',
  'resetAfterMs',
  'delayMs',
  'source',
  'policies',
];
const OF_POLICY = ['policy', 'allowed', 'limit', 'remaining', 'retryAfterMs', 'resetAfterMs'];

const bucket = tokenBucket({ capacity: 2, refill: 1, every: '1s' });
const daily = fixedWindow({ limit: 5, window: '1d' });
const shadow = fixedWindow({ limit: 1, window: '1d', enforce: false });

/** Decisions of all kinds, by what they are. */
async function decisions() {
  const made = {};
  for (const [name, policies] of Object.entries({
    'one policy': bucket,
    'several policies': { burst: bucket, daily },
    'a shadow alone': shadow,
    'a shadow beside another': { daily, shadow },
  })) {
    const { limiter } = still(policies);
    made[`${name}, admitted`] = limiter.checkSync('k', { cost: 2 });
    made[`${name}, denied`] = limiter.checkSync('k', { cost: 6 });
    made[`${name}, a peek`] = await limiter.peek('k');
  }
  for (const onStoreError of ['local', 'allow', 'deny']) {
    const store = redis('redis://127.0.0.1:1');
    const limiter = createLimiter({ policies: { burst: bucket, daily }, store, onStoreError });
    made[`the rule '${onStoreError}'`] = await limiter.check('k');
    await limiter.close();
  }
  made.allowAll = allowAll().checkSync('k');
  made.denyAll = denyAll().checkSync('k');
  return made;
}

process.on('warning', () => {}); // No Redis listens: that is meant.

test('a copy of a decision has all of its fields, policies among them', async () => {
  for (const [name, decision] of Object.entries(await decisions())) {
    assert.deepEqual(Object.keys(decision).sort(), [...FIELDS].sort(), name);
    for (const said of decision.policies) assert.deepEqual(Object.keys(said), OF_POLICY, name);
    const spread = { ...decision };
    assert.deepEqual(spread.policies, decision.policies, name);
    assert.deepEqual(structuredClone(decision), spread, name);
    assert.deepEqual(decision.toJSON(), spread, name);
    assert.equal(JSON.stringify(decision), JSON.stringify(spread), name);
    assert.deepEqual(Object.assign({}, decision), spread, name);
  }
});

test('decisions that differ in one policy alone are not equal', () => {
  const ask = (cost) => still({ burst: bucket, daily }).limiter.checkSync('k', { cost });
  const one = ask({ burst: 2, daily: 1 });
  assert.deepEqual(one, ask({ burst: 2, daily: 1 }));
  assert.notDeepEqual(one, ask({ burst: 2, daily: 2 }));
});

test('a decision with slots is cloned with the id of its holder', () => {
  const { limiter } = still(concurrency({ limit: 1, ttl: '1m' }));
  const decision = limiter.checkSync('k');
  assert.deepEqual(Object.keys(decision), [...FIELDS, 'holder']);
  const { holder } = decision;
  assert.deepEqual(structuredClone(decision).holder, { id: holder.id });
  assert.equal({ ...decision }.holder, holder, 'which a spread shares, methods and all');
  assert.deepEqual(decision.toJSON().holder, { id: holder.id });
});

test('changes to a copy or to its policies give nothing back', async () => {
  const { limiter } = still({ burst: bucket, shadow });
  limiter.checkSync('k', { cost: { burst: 0, shadow: 1 } });
  const decision = limiter.checkSync('k', { cost: { burst: 1, shadow: 1 } });
  assert.equal(decision.policies[1].allowed, false, 'the shadow admitted nothing');
  decision.policies[1].allowed = true;
  await limiter.credit('k', 1, { of: decision });
  assert.equal(limiter.checkSync('k', { cost: 0 }).policies[1].remaining, 0);
});
