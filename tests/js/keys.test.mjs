// Every string that is not empty is a key of its own, in memory and in Redis.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { seededNumbers, testSeed } from '../support/random.mjs';
import { useRedis } from '../support/use-redis.mjs';

// biome-ignore format: a list
const nasty = [
  'a', 'A', ' a', 'a ', ' ', '\0', 'a\0', '\0a', 'a\nb', 'a\r\nb', 'a\tb', '{', '}', '{}', '{a}', '}{', 'a}:default:tb1',
  'a:b', 'a::b', ':', '%', '%25', '%2525', '%00', '*', '?', '[a]', '"', "'", '\\', '$1', '${', 'é', 'e\u0301', 'ü', 'ÿ', 'Ā',
  '\u00e9\u0000', 'ñ', 'ʼn', '日本', '😀', '😁', '\ud83d', '\ude00', '\ud83d\ud83d', '\ude00\ud83d', '\ufffd', '\ud800', '\udfff',
  '\uffff', '\ufeff', '\ufeffa', '\u202e', '__proto__', 'constructor', 'toString', '0', '-0', 'null', 'undefined',
  'x'.repeat(126), 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(130), 'é'.repeat(64), 'é'.repeat(65),
  'x'.repeat(2 ** 20), `${'x'.repeat(2 ** 20)}y`, `y${'x'.repeat(2 ** 20)}`, '\ud800'.repeat(200), '\ufffd'.repeat(200),
  '\0'.repeat(127), '\0'.repeat(128),
];

const policies = tokenBucket({ capacity: 2, refill: 1, every: '1d' });

const { server } = await useRedis();

async function assertAllApart(limiter) {
  assert.equal(new Set(nasty).size, nasty.length, 'the list itself');
  const first = await limiter.checkMany(nasty.map((key) => ({ key })));
  first.forEach((decision, i) => {
    assert.equal(decision.source, 'store');
    assert.equal(decision.remaining, 1, `${JSON.stringify(nasty[i]).slice(0, 60)} met another key`);
  });
  const again = await limiter.checkMany(nasty.map((key) => ({ key })));
  again.forEach((decision, i) => {
    assert.equal(decision.remaining, 0, `${JSON.stringify(nasty[i]).slice(0, 60)} was forgotten`);
  });
}

test('in memory no key meets another', () => assertAllApart(createLimiter({ policies })));

test('keys that imitate what the store hashes besides keys meet no other', () => {
  const bucket = tokenBucket({ capacity: 3, every: '1d' });
  const limiter = createLimiter({ policies: { a: bucket, b: bucket }, prefix: 'p.' });
  for (const policy of ['a', 'b']) {
    const key = Buffer.from(`p.\0${policy}\0tb1`).toString('utf16le');
    for (const { remaining } of limiter.checkSync(key).policies) assert.equal(remaining, 2);
  }
});

test('in Redis no key meets another', async () => {
  const limiter = createLimiter({
    policies,
    store: redis(server.url),
    onStoreError: 'throw',
    deadlineMs: 60_000,
  });
  await assertAllApart(limiter);
  await limiter.reset('a');
  assert.equal((await limiter.check('a')).remaining, 1);
  assert.equal((await limiter.check('A')).allowed, false);
  await limiter.close();
});

test('in memory and in Redis, random strings keep apart', async () => {
  const seed = testSeed();
  console.log(`seed ${seed}`);
  const random = seededNumbers(seed);
  const alphabet = ['a', '{', '}', ':', '%', '\0', '\ud83d', '\ude00', 'é', '\uffff', '2', '5'];
  const keys = new Set();
  while (keys.size < 3000) {
    keys.add(
      Array.from({ length: 1 + random(6) }, () => alphabet[random(alphabet.length)]).join(''),
    );
  }
  const store = redis(server.url);
  for (const options of [
    {},
    { store, prefix: `p${seed}`, onStoreError: 'throw', deadlineMs: 60_000 },
  ]) {
    const limiter = createLimiter({ policies, ...options });
    const decisions = await limiter.checkMany([...keys].map((key) => ({ key })));
    assert.ok(decisions.every(({ remaining }) => remaining === 1));
    await limiter.close();
  }
});
