// Each algorithm through its function: counts, limits, and the fields of its policy.

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
import { admitted, brief, still } from '../support/limits.mjs';

test('every policy tells its algorithm, its limit and its window in whole milliseconds', () => {
  for (const [policy, algorithm, limit, windowMs] of [
    [tokenBucket({ capacity: 20, refill: 10, every: '1s' }), 'tokenBucket', 20, 2000],
    [gcra({ limit: 10, every: '1s' }), 'gcra', 10, 1000],
    [gcra({ limit: 10, every: '1s', burst: 3 }), 'gcra', 3, 300],
    [leakyBucket({ capacity: 5, leak: 1, every: '1s' }), 'leakyBucket', 5, 5000],
    [fixedWindow({ limit: 7, window: '1d' }), 'fixedWindow', 7, 86_400_000],
    [fixedWindow({ limit: 7, window: 'month', align: 'clock' }), 'fixedWindow', 7, 31 * 86_400_000],
    [slidingWindow({ limit: 7, window: 0.001 }), 'slidingWindow', 7, 1],
    [slidingLog({ limit: 7, window: 1.0001 }), 'slidingLog', 7, 1],
    [slidingLog({ limit: 7, window: 1.001 }), 'slidingLog', 7, 2],
    [concurrency({ limit: 7, ttl: '30s' }), 'concurrency', 7, 30_000],
  ]) {
    assert.deepEqual(
      [policy.algorithm, policy.limit, policy.windowMs],
      [algorithm, limit, windowMs],
    );
    assert.ok(Object.isFrozen(policy), `${algorithm} is frozen`);
    assert.deepEqual([policy.enforce, policy.by], [true, undefined]);
  }
});

test('a fixed window opens with the first charged call, and ends all at once', () => {
  const { limiter, clock } = still(fixedWindow({ limit: 3, window: '10s' }));
  clock.advance('7s');
  assert.deepEqual(brief(limiter.checkSync('a', { cost: 0 })), [true, 3, 0, 0], 'opens nothing');
  assert.deepEqual(brief(limiter.checkSync('a')), [true, 2, 0, 10_000]);
  clock.advance(9999.999);
  assert.deepEqual(brief(limiter.checkSync('a', { cost: 2 })), [true, 0, 0, 1]);
  assert.deepEqual(brief(limiter.checkSync('a')), [false, 0, 1, 1]);
  clock.advance(0.001);
  assert.deepEqual(brief(limiter.checkSync('a')), [true, 2, 0, 10_000]);
});

test('around the boundary of two fixed windows twice the limit passes, and no more', () => {
  const { limiter, clock } = still(fixedWindow({ limit: 5, window: '10s' }));
  limiter.checkSync('a');
  clock.advance(9999);
  assert.equal(admitted(limiter, 'a', 20), 4);
  clock.advance(1);
  assert.equal(admitted(limiter, 'a', 20), 5);
});

test('fixed windows of the clock start at its multiples, whenever the first call comes', () => {
  const { limiter, clock } = still(fixedWindow({ limit: 1, window: '10s', align: 'clock' }));
  clock.advance('37s');
  assert.deepEqual(brief(limiter.checkSync('a')), [true, 0, 0, 3000]);
  assert.deepEqual(brief(limiter.checkSync('a')), [false, 0, 3000, 3000]);
  clock.advance('3s');
  assert.equal(limiter.checkSync('a').allowed, true);
});

test('months are those of the calendar, UTC, leap years included', () => {
  for (const [now, next] of [
    [Date.UTC(2024, 1, 10, 12), Date.UTC(2024, 2, 1)],
    [Date.UTC(2023, 1, 28, 23, 59, 59, 999), Date.UTC(2023, 2, 1)],
    [Date.UTC(2023, 11, 31, 23), Date.UTC(2024, 0, 1)],
    [Date.UTC(2026, 3, 1), Date.UTC(2026, 4, 1)],
    [0, Date.UTC(1970, 1, 1)],
  ]) {
    let ms = now;
    const limiter = createLimiter({
      policies: fixedWindow({ limit: 1, window: 'month', align: 'clock' }),
      store: memory({ clock: { now: () => ms } }),
    });
    limiter.checkSync('a');
    assert.equal(limiter.checkSync('a').retryAfterMs, next - now, new Date(now).toISOString());
    ms = next - 0.001;
    assert.equal(limiter.checkSync('a').allowed, false, 'a microsecond before the month ends');
    ms = next;
    assert.equal(limiter.checkSync('a').allowed, true);
  }
});

test('a sliding window counts of the window before the share that still overlaps', () => {
  const { limiter, clock } = still(slidingWindow({ limit: 10, window: '10s' }));
  assert.deepEqual(brief(limiter.checkSync('a', { cost: 10 })), [true, 0, 0, 20_000]);
  clock.advance('10s');
  assert.equal(limiter.checkSync('a').allowed, false, 'all of it still counts');
  clock.advance('5s');
  assert.deepEqual(brief(limiter.checkSync('a', { cost: 5 })), [true, 0, 0, 15_000], 'half of it');
  clock.advance('5s');
  assert.equal(limiter.checkSync('a', { cost: 5 }).allowed, true, 'none of it, but the 5 since');
  assert.equal(limiter.checkSync('a').allowed, false);
});

test("a sliding window's denial is over when it says, and not a microsecond sooner", () => {
  const { limiter, clock } = still(slidingWindow({ limit: 10, window: '10s' }));
  limiter.checkSync('a', { cost: 10 });
  const { retryAfterMs } = limiter.checkSync('a', { cost: 3 });
  // 7 left of 10: from the first microsecond at which ceil((W - e) * 1024 / W) is at most 716.
  assert.equal(retryAfterMs, 13_008);
  clock.advance(retryAfterMs - 1);
  assert.equal(limiter.checkSync('a', { cost: 3 }).allowed, false);
  clock.advance(1);
  assert.equal(limiter.checkSync('a', { cost: 3 }).allowed, true);
});

test('a sliding log admits the limit in any interval as long as the window', () => {
  const { limiter, clock } = still(slidingLog({ limit: 3, window: '1s' }));
  limiter.checkSync('a');
  clock.advance(400);
  assert.deepEqual(brief(limiter.checkSync('a', { cost: 2 })), [true, 0, 0, 1000]);
  clock.advance(599.999);
  assert.deepEqual(brief(limiter.checkSync('a')), [false, 0, 1, 401]);
  clock.advance(0.001);
  assert.deepEqual(brief(limiter.checkSync('a')), [true, 0, 0, 1000], 'the first has left');
  assert.deepEqual(brief(limiter.checkSync('a')), [false, 0, 400, 1000], 'the second has not');
  assert.deepEqual(brief(limiter.checkSync('a', { cost: 3 })), [false, 0, 1000, 1000]);
});

test('concurrency gives slots, one a call whatever it costs, and takes them back', async () => {
  const { limiter } = still(concurrency({ limit: 2, ttl: '30s' }));
  const first = limiter.checkSync('a', { cost: 100 });
  assert.deepEqual(brief(first), [true, 1, 0, 30_000]);
  assert.equal(limiter.checkSync('a').remaining, 0);
  assert.deepEqual(brief(limiter.checkSync('a')), [false, 0, 30_000, 30_000]);
  assert.equal(await first.holder.release(), true);
  assert.equal(limiter.checkSync('a').allowed, true);
});

const makers = {
  tokenBucket: (limit) => tokenBucket({ capacity: limit, every: '10s' }),
  gcra: (limit) => gcra({ limit, every: '10s' }),
  leakyBucket: (limit) => leakyBucket({ capacity: limit, leak: limit, every: '10s' }),
  fixedWindow: (limit) => fixedWindow({ limit, window: '10s' }),
  slidingWindow: (limit) => slidingWindow({ limit, window: '10s' }),
  slidingLog: (limit) => slidingLog({ limit, window: '10s' }),
};

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: a cost of 0 passes when nothing is left, and takes nothing`, () => {
    const { limiter } = still(make(4));
    assert.equal(limiter.checkSync('a', { cost: 0 }).remaining, 4);
    limiter.checkSync('a', { cost: 4 });
    const { allowed, remaining, retryAfterMs } = limiter.checkSync('a', { cost: 0 });
    assert.deepEqual([allowed, remaining, retryAfterMs], [true, 0, 0]);
  });

  test(`${name}: a cost above the limit is never admitted and changes nothing`, () => {
    const { limiter } = still(make(4));
    limiter.checkSync('a');
    const before = limiter.checkSync('a', { cost: 0 });
    const never = limiter.checkSync('a', { cost: 5 });
    assert.deepEqual([never.allowed, never.retryAfterMs], [false, Number.POSITIVE_INFINITY]);
    assert.deepEqual(brief(limiter.checkSync('a', { cost: 0 })), brief(before));
  });

  test(`${name}: a denial charges nothing`, () => {
    const { limiter } = still(make(4));
    limiter.checkSync('a', { cost: 3 });
    assert.equal(limiter.checkSync('a', { cost: 2 }).allowed, false);
    assert.equal(limiter.checkSync('a', { cost: 1 }).allowed, true);
  });

  test(`${name}: a clock that goes back admits nothing more`, () => {
    const { limiter, clock } = still(make(4));
    clock.advance('100s');
    assert.equal(admitted(limiter, 'a', 9), 4);
    for (const step of [-1, -9_000, -30_000, -59_000]) {
      clock.advance(step);
      assert.equal(limiter.checkSync('a').allowed, false, `${step} ms`);
    }
  });

  test(`${name}: a key of which all has come back equals a new one`, () => {
    const { limiter, clock } = still(make(4));
    const { resetAfterMs } = limiter.checkSync('a', { cost: 4 });
    clock.advance(resetAfterMs);
    assert.deepEqual(
      brief(limiter.checkSync('a', { cost: 0 })),
      brief(limiter.checkSync('new', { cost: 0 })),
    );
  });

  test(`${name}: a large limit counts exactly`, () => {
    const largest = name === 'slidingLog' ? 100_000 : 50_000_000;
    const { limiter } = still(make(largest));
    limiter.checkSync('a', { cost: largest - 2 });
    assert.equal(limiter.checkSync('a').remaining, 1);
    assert.equal(limiter.checkSync('a').remaining, 0);
    assert.equal(limiter.checkSync('a').allowed, false);
  });
}

test('other windows and alignments under one name start anew; other limits do not', () => {
  const { store } = still(fixedWindow({ limit: 1, window: '1m' }));
  const left = (policies) => createLimiter({ policies, store }).checkSync('a').remaining;
  assert.equal(left(fixedWindow({ limit: 10, window: '1h' })), 9);
  assert.equal(left(fixedWindow({ limit: 10, window: '2h' })), 9, 'another window');
  assert.equal(left(fixedWindow({ limit: 10, window: '1h', align: 'clock' })), 9);
  assert.equal(left(slidingWindow({ limit: 10, window: '1h' })), 9, 'another algorithm');
  assert.equal(left(slidingLog({ limit: 10, window: '1h' })), 9);
  assert.equal(left(fixedWindow({ limit: 20, window: '1h' })), 18, 'another limit goes on');
  assert.equal(left(slidingLog({ limit: 5, window: '1h' })), 3);
});
