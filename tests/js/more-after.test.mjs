// The t of a RateLimit field: when there is more than `remaining`, by every algorithm.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  memory,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { manualClock } from 'sluice/testing';
import { draft10LimitField } from '../../dist/http/headers/draft-10.js';
import { moreAfterMs } from '../../dist/http/more-after.js';
import { seededNumbers, testSeed } from '../support/random.mjs';

const policies = {
  'a token bucket': tokenBucket({ capacity: 20, refill: 7, every: '1s' }),
  'a token bucket whose unit takes part of a millisecond': tokenBucket({
    capacity: 50,
    refill: 3000,
    every: '1s',
  }),
  'a leaky bucket': leakyBucket({ capacity: 5, leak: 3, every: '1s' }),
  'a shaping bucket': leakyBucket({ capacity: 5, leak: 3, every: '1s', mode: 'shape' }),
  GCRA: gcra({ limit: 10, every: '1s', burst: 4 }),
  'GCRA of one': gcra({ limit: 10, every: '1s', burst: 1 }),
  'a bucket that charges denials': tokenBucket({ capacity: 9, every: '1s', chargeDenied: true }),
  'a bucket that blocks': tokenBucket({ capacity: 4, every: '1s', blockFor: '3s' }),
  'a fixed window': fixedWindow({ limit: 6, window: '1s' }),
  "a fixed window of the clock's": fixedWindow({ limit: 6, window: '1s', align: 'clock' }),
  'a sliding window': slidingWindow({ limit: 12, window: '1s' }),
  'a sliding window of one': slidingWindow({ limit: 1, window: '1s' }),
  'a long sliding window': slidingWindow({ limit: 3000, window: '1h' }),
  'a sliding log': slidingLog({ limit: 9, window: '1s' }),
};

const seed = testSeed();

for (const [name, policy] of Object.entries(policies)) {
  test(`${name}: a caller that comes back after t finds more than was left`, async () => {
    const random = seededNumbers(seed);
    const clock = manualClock();
    const limiter = createLimiter({ policies: policy, store: memory({ clock }) });
    const most = policy.limit;
    let told = 0;
    for (let step = 0; step < 3000; step++) {
      clock.advance(
        (random(1 + policy.windowMs * (random(8) === 0 ? 3 : 1)) * 1000 + random(1000)) / 1000 / 4,
      );
      if (random(40) === 0) await limiter.block('k', 1 + random(policy.windowMs));
      if (random(40) === 0) await limiter.debit('k', random(most + 2));
      const cost = random(3) === 0 ? random(most + 2) : random(3);
      const limits = random(10) === 0 ? { default: 1 + random(most) } : undefined;
      const decision = limiter.checkSync('k', { cost, limits });
      const wait = moreAfterMs(decision, policy);
      if (wait === undefined) {
        assert.equal(decision.remaining, decision.limit, `seed ${seed}, step ${step}`);
        continue;
      }
      if (wait === Infinity) {
        assert.ok(cost > decision.limit, `seed ${seed}, step ${step}`);
        continue;
      }
      told++;
      clock.advance(Math.ceil(wait * 1000) / 1000);
      const then = await limiter.peek('k', { cost: 0, limits });
      assert.ok(
        then.remaining > decision.remaining,
        `seed ${seed}, step ${step}: ${decision.remaining} left, ${then.remaining} after ${wait} ms`,
      );
    }
    assert.ok(told > 1000, `t was told only ${told} times`);
  });
}

test('t of a bucket is the next unit, not the whole refill, and there is no more just before', async () => {
  const clock = manualClock();
  const policy = tokenBucket({ capacity: 5, every: '10s' });
  const limiter = createLimiter({ policies: policy, store: memory({ clock }) });
  limiter.checkSync('k', { cost: 2 });
  clock.advance(500);
  const decision = limiter.checkSync('k');
  assert.equal(moreAfterMs(decision, policy), 1500);
  clock.advance(1499);
  assert.equal((await limiter.peek('k', { cost: 0 })).remaining, decision.remaining);
  clock.advance(1);
  assert.equal((await limiter.peek('k', { cost: 0 })).remaining, decision.remaining + 1);
});

test('t of a fixed window is its end', () => {
  const clock = manualClock();
  const policy = fixedWindow({ limit: 5, window: '1m' });
  const limiter = createLimiter({ policies: policy, store: memory({ clock }) });
  limiter.checkSync('k');
  clock.advance('20s');
  assert.equal(draft10LimitField(limiter.checkSync('k'), policy), '"default";r=3;t=40');
});

test('t of a sliding window whose previous window was empty is exact', async () => {
  const clock = manualClock();
  const policy = slidingWindow({ limit: 10, window: '1024ms' });
  const limiter = createLimiter({ policies: policy, store: memory({ clock }) });
  clock.advance(1024 * 5 + 24);
  const decision = limiter.checkSync('k', { cost: 4 });
  // In the next window the four count as three once the weight is 3/4: a quarter of a window later.
  assert.equal(moreAfterMs(decision, policy), 1000 + 256);
  clock.advance(1255);
  assert.equal((await limiter.peek('k', { cost: 0 })).remaining, 6);
  clock.advance(1);
  assert.equal((await limiter.peek('k', { cost: 0 })).remaining, 7);
});

test('t after a call that cost nothing is no earlier than the end of a block', async () => {
  const clock = manualClock();
  const policy = tokenBucket({ capacity: 10, every: '10s' });
  const limiter = createLimiter({ policies: policy, store: memory({ clock }) });
  await limiter.block('k', '5s');
  const decision = limiter.checkSync('k', { cost: 0 });
  assert.equal(decision.allowed, true);
  assert.equal(moreAfterMs(decision, policy), 5000);
});

test('a full bucket has no t, and a concurrency policy never has one', () => {
  const policy = tokenBucket({ capacity: 5, every: '10s' });
  const full = createLimiter({ policies: policy }).checkSync('k', { cost: 0 });
  assert.equal(draft10LimitField(full, policy), '"default";r=5');

  const slots = concurrency({ limit: 1, ttl: '1m' });
  const limiter = createLimiter({ policies: slots });
  assert.equal(draft10LimitField(limiter.checkSync('k'), slots), '"default";r=0');
  assert.equal(draft10LimitField(limiter.checkSync('k'), slots), '"default";r=0');
});
