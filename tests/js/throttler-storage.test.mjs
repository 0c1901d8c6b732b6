// SluiceThrottlerStorage beside @nestjs/throttler's own storage: the same records under fake time.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ThrottlerStorageService } from '@nestjs/throttler';
import { memory, redis } from 'sluice';
import { SluiceThrottlerStorage } from 'sluice/nestjs-throttler';
import { dateClock, manualClock } from 'sluice/testing';
import { seededNumbers, testSeed } from '../support/random.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const INCREMENTS = process.env.SLUICE_FULL ? 10_000 : 500;

/** Ours, and a clock for it that stands at a time like today's. */
function storageAt(options = {}) {
  const clock = manualClock();
  const storage = new SluiceThrottlerStorage({ store: memory({ clock }), ...options });
  return { clock, hit: (...args) => storage.increment('k', ...args, 'default'), storage };
}

/** Their record, with ours where docs/migration.md says that theirs is wrong. */
function corrected(record, { limit }) {
  if (record.isBlocked) return { ...record, totalHits: limit + 1 };
  return { ...record, timeToBlockExpire: 0 };
}

for (const [kind, blocks] of Object.entries({
  'blockDuration: 0': () => 0,
  'a blockDuration of the ttl': (_below, ttl) => ttl,
  'a shorter blockDuration': (below, ttl) => 1 + below(ttl - 1),
  'a longer blockDuration': (below, ttl) => ttl + 1 + below(5000),
})) {
  test(`random increments under ${kind} get the records of @nestjs/throttler's own storage`, async (t) => {
    const seed = testSeed();
    t.diagnostic(`SLUICE_SEED=${seed}`);
    const below = seededNumbers(seed);
    mock.timers.enable({ apis: ['Date', 'setInterval'], now: 1.8e12 });
    t.after(() => mock.timers.reset());
    const theirs = new ThrottlerStorageService();
    const ours = new SluiceThrottlerStorage({ store: memory({ clock: dateClock() }) });
    const throttlers = Array.from({ length: 4 }, (_, i) => {
      const ttl = 1000 + below(9000);
      return { name: `t${i}`, limit: 1 + below(4), ttl, block: blocks(below, ttl) };
    });
    const found = { blocked: 0, admitted: 0 };
    for (let i = 0; i < INCREMENTS; i++) {
      // Throttlers that are named in the key, as the guard's own keys are.
      const throttler = throttlers[below(throttlers.length)];
      const { name, limit, ttl, block } = throttler;
      const args = [`${name} of caller ${below(2)}`, ttl, limit, block, name];
      const expected = corrected(await theirs.increment(...args), throttler);
      assert.deepEqual(await ours.increment(...args), expected, `increment ${i}`);
      found[expected.isBlocked ? 'blocked' : 'admitted']++;
      mock.timers.tick(below(10) === 0 ? below(8000) : below(300));
    }
    assert.ok(Math.min(found.blocked, found.admitted) > INCREMENTS / 50, JSON.stringify(found));
  });
}

test('blocked hits are not counted, and the next is admitted when the oldest has left', async () => {
  const { clock, hit } = storageAt();
  const answers = [];
  for (const wait of [0, 4000, 1000, 1000, 3999, 1]) {
    clock.advance(wait);
    const { totalHits, isBlocked, timeToBlockExpire } = await hit(10_000, 2, 0);
    answers.push([totalHits, isBlocked, timeToBlockExpire]);
  }
  assert.deepEqual(answers, [
    [1, false, 0],
    [2, false, 0],
    [3, true, 5],
    [3, true, 4],
    [3, true, 1],
    [2, false, 0],
  ]);
});

test("'fixedWindow' admits again when the window has ended, and a longer block holds", async () => {
  const { clock, hit } = storageAt({ algorithm: 'fixedWindow' });
  await hit(10_000, 2, 0);
  clock.advance(9000);
  await hit(10_000, 2, 0);
  assert.deepEqual(await hit(10_000, 2, 0), {
    totalHits: 3,
    timeToExpire: 1,
    isBlocked: true,
    timeToBlockExpire: 1,
  });
  clock.advance(1000);
  assert.equal((await hit(10_000, 2, 0)).isBlocked, false);
  for (let i = 0; i < 3; i++) await hit(10_000, 2, 60_000);
  clock.advance(59_999);
  assert.equal((await hit(10_000, 2, 60_000)).timeToBlockExpire, 1);
  clock.advance(1);
  assert.equal((await hit(10_000, 2, 60_000)).isBlocked, false);
});

test('throttlers with other names count a key separately', async () => {
  const storage = new SluiceThrottlerStorage();
  await storage.increment('k', 1000, 1, 0, 'short');
  assert.equal((await storage.increment('k', 1000, 1, 0, 'long')).isBlocked, false);
  assert.equal((await storage.increment('k', 1000, 1, 0, 'long')).isBlocked, true);
});

test('a limit of 0 blocks each hit, also after a block', async () => {
  const { clock, hit } = storageAt();
  for (const block of [0, 1000]) {
    for (let i = 0; i < 3; i++) {
      assert.equal((await hit(1000, 0, block)).isBlocked, true);
      clock.advance(1500);
    }
  }
});

test('a ttl of 0 limits nothing', async () => {
  const { hit } = storageAt();
  for (let i = 0; i < 3; i++) assert.equal((await hit(0, 1, 0)).isBlocked, false);
});

test('wrong options and limits are refused with their names', async () => {
  const refused = (options, message) =>
    assert.throws(() => new SluiceThrottlerStorage(options), {
      code: /^ERR_SLUICE_(UNKNOWN_)?OPTIONS?$/,
      message,
    });
  refused({ algorithm: 'slidingWindow' }, /SluiceThrottlerStorage\.algorithm/);
  refused({ algoritm: 'slidingLog' }, /'algorithm'/);
  refused({ onStoreError: 'allow' }, /SluiceThrottlerStorage\.onStoreError/);
  refused({ deadlineMs: 0, store: memory() }, /deadlineMs/);
  refused('redis://localhost', /SluiceThrottlerStorage/);
  const storage = new SluiceThrottlerStorage();
  await assert.rejects(storage.increment('k', 1000, 100_001, 0, 'default'), {
    code: 'ERR_SLUICE_OPTIONS',
    message: /fixedWindow/,
  });
  await assert.rejects(storage.increment('k', 101 * 86_400e3, 1, 0, 'default'), /100 days/);
});

test('after 1000 other ttls, a first one still has its counts', async () => {
  const storage = new SluiceThrottlerStorage();
  for (let i = 0; i < 1100; i++) await storage.increment('k', 60_000 + i, 1, 0, 'default');
  assert.equal((await storage.increment('k', 60_000, 1, 0, 'default')).isBlocked, true);
});

test('the application that closes closes the limiters', async () => {
  const storage = new SluiceThrottlerStorage();
  await storage.increment('k', 1000, 1, 0, 'default');
  await storage.onApplicationShutdown();
});

test('Redis and memory give the same records', async (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const below = seededNumbers(seed);
  for (const algorithm of ['slidingLog', 'fixedWindow']) {
    const store = redis(server.url);
    const prefix = `throttler-${seed}`;
    const one = new SluiceThrottlerStorage({ store, prefix, algorithm, deadlineMs: 10_000 });
    const other = new SluiceThrottlerStorage({ store, prefix, algorithm, deadlineMs: 10_000 });
    const inMemory = new SluiceThrottlerStorage({ algorithm });
    for (let i = 0; i < 200; i++) {
      const limit = 1 + below(4);
      const args = [
        `k${limit}${below(8)}`,
        3_600_000,
        limit,
        [0, 1_800_000, 7_200_000][below(3)],
        'n',
      ];
      const expected = await inMemory.increment(...args);
      assert.deepEqual(await [one, other][below(2)].increment(...args), expected, `${i}`);
    }
    for (const storage of [one, other, inMemory]) await storage.onApplicationShutdown();
  }
});
