// createLimiter over the memory store, on a clock that the test moves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createLimiter, gcra, leakyBucket, memory, tokenBucket } from 'sluice';
import { dateClock, manualClock } from 'sluice/testing';

/** capacity 3, one token a second */
function threeTokens(extra = {}) {
  const clock = manualClock();
  const policies = tokenBucket({ capacity: 3, refill: 1, every: '1s' });
  return { clock, limiter: createLimiter({ policies, store: memory({ clock }), ...extra }) };
}

test('a decision says what is left, when to retry and when all is back', () => {
  const { limiter, clock } = threeTokens();
  const expected = {
    allowed: true,
    policy: 'default',
    limit: 3,
    remaining: 2,
    retryAfterMs: 0,
    resetAfterMs: 1000,
    delayMs: 0,
    source: 'store',
    policies: [
      {
        policy: 'default',
        allowed: true,
        limit: 3,
        remaining: 2,
        retryAfterMs: 0,
        resetAfterMs: 1000,
      },
    ],
  };
  assert.deepEqual(JSON.parse(JSON.stringify(limiter.checkSync('a'))), expected);
  limiter.checkSync('a', { cost: 2 });
  clock.advance(0.5);
  const denied = limiter.checkSync('a');
  assert.equal(denied.allowed, false);
  assert.equal(denied.remaining, 0);
  assert.equal(denied.retryAfterMs, 1000, '999.5 ms, rounded up');
  assert.equal(denied.resetAfterMs, 3000, '2999.5 ms, rounded up');
});

test('a decision prints all that it holds', () => {
  const { limiter } = threeTokens();
  assert.match(inspect(limiter.checkSync('a')), /allowed: true[\s\S]*policies: \[/);
});

test('retryAfterMs is enough, and a millisecond less is not', () => {
  const { limiter, clock } = threeTokens();
  limiter.checkSync('a', { cost: 3 });
  const { retryAfterMs } = limiter.checkSync('a', { cost: 2 });
  clock.advance(retryAfterMs - 1);
  assert.equal(limiter.checkSync('a', { cost: 2 }).allowed, false);
  clock.advance(1);
  assert.equal(limiter.checkSync('a', { cost: 2 }).allowed, true);
});

test('a refill time in microseconds counts to the last of them', () => {
  const clock = manualClock();
  // 1.001 * 1e3 is a little less than 1001 in binary.
  const policies = tokenBucket({ capacity: 1, every: 1.001 });
  const limiter = createLimiter({ policies, store: memory({ clock }) });
  limiter.checkSync('a');
  clock.advance('1ms');
  assert.equal(limiter.checkSync('a').allowed, false);
  clock.advance(0.001);
  assert.equal(limiter.checkSync('a').allowed, true);
});

test('a cost above the capacity is never admitted, and changes nothing', () => {
  const { limiter } = threeTokens();
  const denied = limiter.checkSync('a', { cost: 4 });
  assert.equal(denied.allowed, false);
  assert.equal(denied.retryAfterMs, Number.POSITIVE_INFINITY);
  assert.equal(denied.remaining, 3);
});

test('a cost of 0 is admitted even when nothing is left', () => {
  const { limiter } = threeTokens();
  limiter.checkSync('a', { cost: 3 });
  assert.equal(limiter.checkSync('a', { cost: 0 }).allowed, true);
});

test('several policies: all admit a check, or none is charged', () => {
  const clock = manualClock();
  const limiter = createLimiter({
    policies: {
      burst: tokenBucket({ capacity: 2, refill: 1, every: '1s' }),
      daily: tokenBucket({ capacity: 10, every: '1d' }),
    },
    store: memory({ clock }),
  });
  assert.equal(limiter.checkSync('a', { cost: { burst: 1, daily: 9 } }).policy, 'daily');
  const denied = limiter.checkSync('a', { cost: { daily: 2 } });
  assert.equal(denied.allowed, false);
  assert.equal(denied.policy, 'daily');
  assert.deepEqual(
    denied.policies.map(({ policy, allowed, remaining }) => [policy, allowed, remaining]),
    [
      ['burst', true, 1],
      ['daily', false, 1],
    ],
    'what burst would have admitted is not charged',
  );
  assert.equal(limiter.checkSync('a').allowed, true);
});

test('gcra with a burst of 1 spaces calls evenly; without one, the burst is the limit', () => {
  const clock = manualClock();
  const store = memory({ clock });
  const spaced = createLimiter({ policies: gcra({ limit: 10, every: '1s', burst: 1 }), store });
  assert.equal(spaced.checkSync('a').allowed, true);
  assert.equal(spaced.checkSync('a').retryAfterMs, 100);
  clock.advance(100);
  assert.equal(spaced.checkSync('a').allowed, true);
  const policy = gcra({ limit: 10, every: '1s' });
  assert.deepEqual([policy.algorithm, policy.limit, policy.windowMs], ['gcra', 10, 1000]);
});

test('a leaky bucket that shapes tells each call how long to wait its turn', () => {
  const clock = manualClock();
  const policies = leakyBucket({ capacity: 4, leak: 10, every: '1s', mode: 'shape' });
  const limiter = createLimiter({ policies, store: memory({ clock }) });
  const delays = Array.from({ length: 4 }, () => limiter.checkSync('a').delayMs);
  assert.deepEqual(delays, [0, 100, 200, 300]);
  const full = limiter.checkSync('a');
  assert.deepEqual([full.allowed, full.delayMs, full.retryAfterMs], [false, 0, 100]);
  clock.advance(150);
  assert.equal(limiter.checkSync('a').delayMs, 250);
});

test('a leaky bucket that polices only denies', () => {
  const policies = leakyBucket({ capacity: 2, leak: 1, every: '1s' });
  const limiter = createLimiter({ policies, store: memory({ clock: manualClock() }) });
  const decisions = Array.from({ length: 3 }, () => limiter.checkSync('a'));
  assert.deepEqual(
    decisions.map(({ allowed, delayMs }) => [allowed, delayMs]),
    [
      [true, 0],
      [true, 0],
      [false, 0],
    ],
  );
});

test('of several shaping policies the longest delay counts', () => {
  const limiter = createLimiter({
    policies: {
      quick: leakyBucket({ capacity: 5, leak: 10, every: '1s', mode: 'shape' }),
      slow: leakyBucket({ capacity: 5, leak: 1, every: '1s', mode: 'shape' }),
      plain: tokenBucket({ capacity: 5, every: '1s' }),
    },
    store: memory({ clock: manualClock() }),
  });
  assert.equal(limiter.checkSync('a').delayMs, 0);
  assert.equal(limiter.checkSync('a').delayMs, 1000);
});

test('policies of different algorithms under one name keep apart', () => {
  const store = memory({ clock: manualClock() });
  for (const policies of [
    tokenBucket({ capacity: 1, every: '1s' }),
    gcra({ limit: 1, every: '1s' }),
    leakyBucket({ capacity: 1, leak: 1, every: '1s' }),
  ]) {
    assert.equal(createLimiter({ policies, store }).checkSync('a').allowed, true);
    assert.equal(createLimiter({ policies, store }).checkSync('a').allowed, false);
  }
});

test('check and checkMany answer as checkSync does; peek says how the key stands', async () => {
  const { limiter } = threeTokens();
  assert.equal((await limiter.peek('a', { cost: 2 })).remaining, 3);
  assert.equal((await limiter.peek('a', { cost: 2 })).remaining, 3, 'peek charges nothing');
  assert.equal((await limiter.check('a')).remaining, 2);
  const many = await limiter.checkMany([{ key: 'a', cost: 2 }, { key: 'a' }, { key: 'b' }]);
  assert.deepEqual(
    many.map(({ allowed }) => allowed),
    [true, false, true],
    'a later check of a key sees what an earlier one took',
  );
  assert.deepEqual(await limiter.checkMany([]), []);
});

test('reset makes a key new', async () => {
  const { limiter } = threeTokens();
  limiter.checkSync('a', { cost: 3 });
  limiter.checkSync('b', { cost: 3 });
  await limiter.reset('a');
  assert.equal(limiter.checkSync('a').remaining, 2);
  assert.equal(limiter.checkSync('b').allowed, false);
});

test('limiters of one store, prefix and policy name share state; others do not', () => {
  const store = memory({ clock: manualClock() });
  const policies = { p: tokenBucket({ capacity: 1, every: '1s' }) };
  const make = (extra) => createLimiter({ policies, store, ...extra });
  assert.equal(make().checkSync('a').allowed, true);
  assert.equal(make().checkSync('a').allowed, false);
  assert.equal(make({ prefix: 'other' }).checkSync('a').allowed, true);
  assert.equal(make({ policies: { q: policies.p } }).checkSync('a').allowed, true);
  assert.equal(createLimiter({ policies }).checkSync('a').allowed, true, 'a store of its own');
});

test('stats count checks and keys', async () => {
  const { limiter } = threeTokens();
  for (let i = 0; i < 5; i++) limiter.checkSync('a');
  await limiter.peek('b');
  const { store, allowed, denied, memory: table } = limiter.stats();
  assert.deepEqual({ store, allowed, denied }, { store: 'memory', allowed: 3, denied: 2 });
  assert.equal(table.keys, 1);
  assert.equal(table.evicted, 0);
});

test('a closed limiter refuses, and closing twice is harmless', async () => {
  const { limiter } = threeTokens();
  await limiter.close();
  await limiter.close();
  assert.throws(() => limiter.checkSync('a'), { code: 'ERR_SLUICE_CLOSED' });
  await assert.rejects(limiter.check('a'), { code: 'ERR_SLUICE_CLOSED' });
});

test('a clock that goes back delays, and admits nothing more', () => {
  const { limiter, clock } = threeTokens();
  clock.advance('10s');
  limiter.checkSync('a', { cost: 3 });
  clock.advance(-4000);
  const denied = limiter.checkSync('a');
  assert.equal(denied.allowed, false);
  assert.equal(denied.retryAfterMs, 5000);
});

test('a manual clock stays at 0 or above', () => {
  const clock = manualClock();
  clock.advance('2s');
  clock.advance(0.001);
  assert.equal(clock.now(), 2000.001);
  assert.throws(() => clock.advance(-2001), { name: 'RangeError', code: 'ERR_SLUICE_CLOCK' });
  assert.equal(clock.now(), 2000.001);
  assert.throws(() => clock.advance('soon'), { code: 'ERR_SLUICE_DURATION' });
});

test('fake timers drive a limiter through dateClock', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 });
  const policies = tokenBucket({ capacity: 1, every: '1m' });
  const limiter = createLimiter({ policies, store: memory({ clock: dateClock() }) });
  assert.equal(limiter.checkSync('a').allowed, true);
  assert.equal(limiter.checkSync('a').retryAfterMs, 60_000);
  t.mock.timers.tick(60_000);
  assert.equal(limiter.checkSync('a').allowed, true);
});

test("a caller's own clock that tells nonsense is named", () => {
  const policies = tokenBucket({ capacity: 1, every: '1m' });
  const limiter = createLimiter({ policies, store: memory({ clock: { now: () => Number.NaN } }) });
  assert.throws(() => limiter.checkSync('a'), {
    code: 'ERR_SLUICE_CLOCK',
    argument: 'clock.now()',
  });
});

test("a caller's own clock may ask a limiter itself", () => {
  const bucket = tokenBucket({ capacity: 9, every: '1d' });
  const policies = { a: bucket, b: bucket };
  const other = createLimiter({ policies });
  const clock = {
    now() {
      other.checkSync('k', { cost: { a: 4, b: 4 } });
      return 5;
    },
  };
  const limiter = createLimiter({ policies, store: memory({ clock }) });
  const left = limiter.checkSync('k', { cost: { a: 1, b: 2 } }).policies.map((p) => p.remaining);
  assert.deepEqual(left, [8, 7]);
});

test('a full store takes new keys and keeps one that was denied', () => {
  const policies = tokenBucket({ capacity: 5, every: '1h' });
  const limiter = createLimiter({
    policies,
    store: memory({ maxKeys: 1000, clock: manualClock() }),
  });
  for (let i = 0; i < 6; i++) limiter.checkSync('attacker');
  for (let i = 0; i < 20_000; i++) limiter.checkSync(`fresh ${i}`);
  assert.equal(limiter.checkSync('attacker').allowed, false);
  const { keys, evicted } = limiter.stats().memory;
  assert.ok(keys <= 1000, `${keys} keys`);
  assert.equal(keys + evicted, 20_001);
});
