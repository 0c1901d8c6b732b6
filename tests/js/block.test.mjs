// block, unblock and reset.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenBucket } from 'sluice';
import { brief, still } from '../support/limits.mjs';
import { everyAlgorithm } from '../support/makers.mjs';

const every = everyAlgorithm(5, '1m');

for (const [name, policy] of Object.entries(every)) {
  test(`${name}: a block denies whatever costs anything until it is over`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.block('k', '1h');
    assert.deepEqual(brief(limiter.checkSync('k')), [false, 0, 3_600_000, 3_600_000]);
    assert.equal(limiter.checkSync('k', { cost: 0 }).allowed, true);
    assert.equal((await limiter.peek('k')).allowed, false);
    assert.equal(limiter.checkSync('other').allowed, true);
    clock.advance('59m');
    assert.equal(limiter.checkSync('k').retryAfterMs, 60_000, 'calls meanwhile prolong nothing');
    clock.advance('1m');
    assert.deepEqual([limiter.checkSync('k').allowed, limiter.checkSync('k').remaining], [true, 3]);
  });

  test(`${name}: a new block takes the place of the old one; unblock ends it; so does reset`, async () => {
    const { limiter } = still(policy);
    await limiter.block('k', '1h');
    await limiter.block('k', '1s');
    assert.equal(limiter.checkSync('k').retryAfterMs, 1000);
    await limiter.unblock('k');
    assert.equal(limiter.checkSync('k').remaining, 4, 'what was used is not forgotten');
    assert.equal(limiter.checkSync('k').remaining, 3);
    await limiter.block('k', '1h');
    await limiter.reset('k');
    assert.equal(limiter.checkSync('k').remaining, 4);
  });

  test(`${name}: a block keeps what was used; reset forgets it`, async () => {
    const { limiter } = still(policy);
    for (let i = 0; i < 5; i++) limiter.checkSync('k');
    await limiter.block('k', 1);
    await limiter.unblock('k');
    assert.equal(limiter.checkSync('k').allowed, false);
    await limiter.reset('k');
    assert.deepEqual(brief(limiter.checkSync('k')), brief(limiter.checkSync('new')));
  });
}

test('unblock and reset of what is not there are harmless', async () => {
  const { limiter } = still(every);
  await limiter.unblock('k');
  await limiter.reset('k');
  await limiter.unblock('k');
  assert.equal(limiter.checkSync('k').allowed, true);
});

test('unblock ends a block that the policy began itself', async () => {
  const { limiter } = still(tokenBucket({ capacity: 2, every: '1s', blockFor: '1h' }));
  for (let i = 0; i < 3; i++) limiter.checkSync('k');
  await limiter.unblock('k');
  assert.deepEqual(limiter.checkSync('k').retryAfterMs, 3_600_000, 'still empty: the next denial');
  await limiter.reset('k');
  assert.equal(limiter.checkSync('k').allowed, true);
});

test('a block outlives the key it is of, and is over a hundred days hence at most', async () => {
  const { limiter, clock } = still(tokenBucket({ capacity: 1, every: '1s' }));
  await limiter.block('k', '100d');
  clock.advance('99d');
  assert.equal(limiter.checkSync('k').allowed, false);
  clock.advance('1d');
  assert.equal(limiter.checkSync('k').allowed, true);
});

test('a shadow is blocked too, and only says so', async () => {
  const { limiter } = still(tokenBucket({ capacity: 1, every: '1s', enforce: false }));
  await limiter.block('k', '1h');
  const { allowed, policies } = limiter.checkSync('k');
  assert.deepEqual([allowed, policies[0].allowed], [true, false]);
});

test('wrong arguments are refused by name', async () => {
  const { limiter } = still(every);
  for (const [duration, name] of [
    [undefined, 'TypeError'],
    [null, 'TypeError'],
    ['soon', 'TypeError'],
    [{}, 'TypeError'],
    [0, 'RangeError'],
    [-1, 'RangeError'],
    [Number.NaN, 'RangeError'],
    [Number.POSITIVE_INFINITY, 'RangeError'],
    ['101d', 'RangeError'],
  ]) {
    await assert.rejects(limiter.block('k', duration), {
      name,
      code: 'ERR_SLUICE_DURATION',
      argument: 'duration',
    });
  }
  for (const verb of ['block', 'unblock', 'reset']) {
    for (const key of ['', undefined, null, 5, {}, Symbol('k')]) {
      await assert.rejects(limiter[verb](key, '1s'), { name: 'TypeError', code: 'ERR_SLUICE_KEY' });
    }
  }
  assert.equal(limiter.checkSync('k').allowed, true);
  await limiter.close();
  for (const verb of ['block', 'unblock', 'reset']) {
    await assert.rejects(limiter[verb]('k', '1s'), { code: 'ERR_SLUICE_CLOSED' });
  }
});
