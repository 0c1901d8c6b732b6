// debit and credit: charging what was used already, and giving back what was not, which never creates quota.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, createLimiter, fixedWindow, gcra, tokenBucket } from 'sluice';
import { allowAll } from 'sluice/testing';
import { admitted, brief, still } from '../support/limits.mjs';
import { everyAlgorithm } from '../support/makers.mjs';

/** 10 units at once; a bucket refills 1 a second. Without slots, which no debit takes. */
const { concurrency: _, ...ten } = everyAlgorithm(10, '10s');
const left = async (limiter, key = 'k') => (await limiter.peek(key, { cost: 0 })).remaining;

for (const [name, policy] of Object.entries(ten)) {
  const isBucket = policy.algorithm !== 'slidingLog' && !policy.algorithm.includes('Window');

  test(`${name}: debit charges whatever there is room for, into debt`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.debit('k', 4);
    assert.equal(await left(limiter), 6);
    await limiter.debit('k', 12);
    const denied = limiter.checkSync('k');
    assert.deepEqual([denied.allowed, denied.remaining], [false, 0]);
    if (isBucket) assert.equal(denied.retryAfterMs, 7000, 'the debt of 6, and the unit asked for');
    await limiter.debit('k', 0);
    assert.deepEqual(brief(limiter.checkSync('k')), brief(denied), 'nothing more');
    clock.advance(denied.retryAfterMs);
    assert.equal(limiter.checkSync('k').allowed, true);
  });

  test(`${name}: credit without a decision never goes below empty`, async () => {
    const { limiter } = still(policy);
    await limiter.credit('k', 5);
    assert.equal(await left(limiter), 10, 'a new key has no more to gain');
    limiter.checkSync('k', { cost: 7 });
    await limiter.credit('k', 3);
    assert.equal(await left(limiter), 6);
    await limiter.credit('k', 2 ** 31 - 1);
    assert.equal(await left(limiter), 10);
    assert.equal(admitted(limiter, 'k', 20), 10);
  });

  test(`${name}: credit of a decision gives back what it charged, once`, async () => {
    const { limiter } = still(policy);
    limiter.checkSync('k', { cost: 2 });
    const of = limiter.checkSync('k', { cost: 5 });
    await limiter.credit('k', 2, { of });
    assert.equal(await left(limiter), 5);
    await limiter.credit('k', 2, { of });
    assert.equal(await left(limiter), 7);
    await limiter.credit('k', 2, { of });
    assert.equal(await left(limiter), 8, '1 of the 5 was left to be given back');
    await limiter.credit('k', 100, { of });
    assert.equal(await left(limiter), 8);
  });

  test(`${name}: what has drained, or left its window, is not given back`, async () => {
    const { limiter, clock } = still(policy);
    const of = limiter.checkSync('k', { cost: 4 });
    clock.advance('20s');
    limiter.checkSync('k', { cost: 6 });
    await limiter.credit('k', 4, { of });
    assert.equal(await left(limiter), 4, 'the 6 charged since are not touched');
  });

  test(`${name}: of what has partly drained or aged, no more comes back than is left of it`, async () => {
    const { limiter, clock } = still(policy);
    const of = limiter.checkSync('k', { cost: 4 });
    clock.advance('3s');
    await limiter.credit('k', 4, { of });
    assert.equal(await left(limiter), 10, 'a new key has 10');
    assert.equal(admitted(limiter, 'k', 20), 10);
  });

  test(`${name}: a denied decision, and a peek, have nothing to give back`, async () => {
    const { limiter } = still(policy);
    limiter.checkSync('k', { cost: 8 });
    const denied = limiter.checkSync('k', { cost: 5 });
    assert.equal(denied.allowed, false);
    await limiter.credit('k', 5, { of: denied });
    assert.equal(await left(limiter), 2);
    await limiter.credit('k', 2, { of: await limiter.peek('k', { cost: 2 }) });
    assert.equal(await left(limiter), 2, 'a peek charged nothing');
  });
}

test('units that an object does not name are neither charged nor given back', async () => {
  const { limiter } = still(ten);
  const all = async () =>
    Object.fromEntries(
      (await limiter.peek('k', { cost: 0 })).policies.map((p) => [p.policy, p.remaining]),
    );
  const tens = Object.fromEntries(Object.keys(ten).map((name) => [name, 10]));
  await limiter.debit('k', { gcra: 3, slidingLog: 4 });
  assert.deepEqual(await all(), { ...tens, gcra: 7, slidingLog: 6 });
  await limiter.credit('k', { slidingLog: 1, tokenBucket: 5 });
  assert.deepEqual(await all(), { ...tens, gcra: 7, slidingLog: 7 });
  const of = limiter.checkSync('k', { cost: { fixedWindow: 5 } });
  await limiter.credit('k', { fixedWindow: 2 }, { of });
  const after = { ...Object.fromEntries(Object.keys(ten).map((name) => [name, 9])), gcra: 6 };
  assert.deepEqual(await all(), { ...after, fixedWindow: 7, slidingLog: 6 });
  await limiter.credit('k', 1, { of });
  assert.deepEqual(await all(), { ...tens, fixedWindow: 8, gcra: 7, slidingLog: 7 });
});

test('a shadow that would have denied was not charged, and gives nothing back', async () => {
  const { limiter } = still({
    real: fixedWindow({ limit: 10, window: '1h' }),
    shadow: fixedWindow({ limit: 2, window: '1h', enforce: false }),
  });
  limiter.checkSync('k', { cost: 2 });
  const of = limiter.checkSync('k', { cost: 2 });
  assert.deepEqual(
    of.policies.map(({ allowed }) => allowed),
    [true, false],
  );
  await limiter.credit('k', 2, { of });
  const { policies } = await limiter.peek('k', { cost: 0 });
  assert.deepEqual(
    policies.map(({ remaining }) => remaining),
    [8, 0],
  );
});

test('a charge made in one window is not given back in the next, though the count is the same', async () => {
  for (const align of ['first-request', 'clock']) {
    const { limiter, clock } = still(fixedWindow({ limit: 3, window: '1s', align }));
    const of = limiter.checkSync('k', { cost: 3 });
    clock.advance('1s');
    limiter.checkSync('k', { cost: 3 });
    await limiter.credit('k', 3, { of });
    assert.equal(limiter.checkSync('k').allowed, false, align);
  }
});

test('giving back and asking again admits no more than the policy says', async () => {
  for (const policy of Object.values(ten)) {
    const { limiter, clock } = still(policy);
    let kept = 0;
    for (let round = 0; round < 60; round++) {
      const decision = limiter.checkSync('k', { cost: 1 + (round % 3) });
      if (decision.allowed) {
        const back = round % 2;
        await limiter.credit('k', back, { of: decision });
        await limiter.credit('k', back, { of: decision });
        kept += 1 + (round % 3) - Math.min(2 * back, 1 + (round % 3));
      }
      if (round % 20 === 19) clock.advance('1s');
    }
    assert.ok(kept <= 10 + 3, `${policy.algorithm}: ${kept} in 3 s`);
  }
});

test('debit and credit leave slots alone', async () => {
  const { limiter } = still(concurrency({ limit: 2, ttl: '1m' }));
  const of = limiter.checkSync('k');
  await limiter.debit('k', 5);
  assert.equal(await left(limiter), 1);
  await limiter.credit('k', 5);
  await limiter.credit('k', 1, { of });
  assert.equal(await left(limiter), 1, 'a slot is given back by its holder');
});

test('a decision of another limiter, or no decision, is refused', async () => {
  const { limiter } = still(ten.gcra);
  const twin = createLimiter({ policies: ten.gcra });
  const mine = limiter.checkSync('k');
  for (const of of [
    twin.checkSync('k'),
    allowAll().checkSync('k'),
    { ...mine },
    JSON.parse(JSON.stringify(mine)),
    Object.create(mine),
    null,
    true,
    'yes',
  ]) {
    await assert.rejects(limiter.credit('k', 1, { of }), {
      name: 'TypeError',
      code: 'ERR_SLUICE_OPTIONS',
      argument: 'of',
    });
  }
  assert.equal(await left(limiter), 9);
});

test('a decision is given back under the plan that made it', async () => {
  const day = (limit) => fixedWindow({ limit, window: '1d' });
  const { limiter } = still(undefined, {
    plans: { free: { daily: day(10) }, pro: { burst: day(10), daily: day(100) } },
  });
  const of = limiter.checkSync('k', { plan: 'pro', cost: { daily: 5 } });
  await assert.rejects(limiter.credit('k', 5, { plan: 'free', of }), {
    code: 'ERR_SLUICE_OPTIONS',
    message: /under plan 'free'/,
  });
  await limiter.credit('k', { daily: 4 }, { plan: 'pro', of });
  const { policies } = await limiter.peek('k', { plan: 'pro', cost: 0 });
  assert.deepEqual(
    policies.map(({ remaining }) => remaining),
    [9, 99],
  );
});

test('an admission that waited gives back too', async () => {
  const { limiter, clock } = still(gcra({ limit: 1, every: '1s', burst: 1 }));
  await limiter.wait('k');
  const call = limiter.wait('k');
  clock.advance('1s');
  const of = await call;
  await limiter.credit('k', 1, { of });
  assert.equal(limiter.checkSync('k').allowed, true);
});

test('wrong arguments are refused by name, and charge nothing', async () => {
  const { limiter } = still(ten);
  for (const verb of ['debit', 'credit']) {
    for (const [cost, options, name, code, argument] of [
      [undefined, undefined, 'TypeError', 'ERR_SLUICE_COST', 'cost'],
      [null, undefined, 'TypeError', 'ERR_SLUICE_COST', 'cost'],
      [-1, undefined, 'RangeError', 'ERR_SLUICE_COST', 'cost'],
      [1.5, undefined, 'RangeError', 'ERR_SLUICE_COST', 'cost'],
      ['1', undefined, 'TypeError', 'ERR_SLUICE_COST', 'cost'],
      [
        { gcra: 1, tokenBucket: -1 },
        undefined,
        'RangeError',
        'ERR_SLUICE_COST',
        'cost.tokenBucket',
      ],
      [{ gcar: 1 }, undefined, 'TypeError', 'ERR_SLUICE_UNKNOWN_OPTION', 'cost.gcar'],
      [1, 5, 'TypeError', 'ERR_SLUICE_OPTIONS', verb],
      [1, null, 'TypeError', 'ERR_SLUICE_OPTIONS', verb],
      [1, { cost: 1 }, 'TypeError', 'ERR_SLUICE_UNKNOWN_OPTION', `${verb}.cost`],
      [1, { plan: 'pro' }, 'TypeError', 'ERR_SLUICE_UNKNOWN_OPTION', `${verb}.plan`],
    ]) {
      await assert.rejects(limiter[verb]('k', cost, options), { name, code, argument });
    }
    await assert.rejects(limiter[verb]('', 1), { code: 'ERR_SLUICE_KEY', argument: 'key' });
  }
  await assert.rejects(limiter.debit('k', 1, { of: limiter.checkSync('other') }), {
    code: 'ERR_SLUICE_UNKNOWN_OPTION',
  });
  assert.equal(await left(limiter), 10);
});

test('a decision is given back under the key that it charged, and refused under another', async () => {
  const { limiter } = still(ten.tokenBucket);
  const of = limiter.checkSync('a', { cost: 5 });
  await limiter.debit('b', 12);
  await assert.rejects(limiter.credit('b', 5, { of }), {
    code: 'ERR_SLUICE_OPTIONS',
    message: /^of must be a decision about this key/,
  });
  assert.equal(limiter.checkSync('b').retryAfterMs, 3000);
  await limiter.credit('a', 5, { of });
  assert.equal(await left(limiter, 'a'), 10);
});

test('the parts of a key are compared too', async () => {
  const { limiter } = still({
    tenant: tokenBucket({ capacity: 10, every: '1s', by: 'tenant' }),
    user: tokenBucket({ capacity: 10, every: '1s', by: ['tenant', 'user'] }),
  });
  const of = limiter.checkSync({ tenant: 't', user: 'u' });
  await assert.rejects(limiter.credit({ tenant: 't', user: 'v' }, 1, { of }), {
    code: 'ERR_SLUICE_OPTIONS',
  });
  await limiter.credit({ user: 'u', tenant: 't' }, 1, { of });
});
