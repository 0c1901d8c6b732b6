// The header fields of draft 10, read back by an independent parser of structured fields (RFC 9651).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseList } from 'structured-headers';
import { draft10LimitField, draft10PolicyField } from '../../dist/http/headers/draft-10.js';
import { retryAfterSeconds } from '../../dist/http/retry-after.js';
import { decision } from '../support/express.mjs';
import { seededRandom, testSeed } from '../support/random.mjs';

const policy = (limit, windowMs) => ({ algorithm: 'tokenBucket', limit, windowMs });

const denied = (retryAfterMs, overrides) =>
  decision({ allowed: false, remaining: 0, retryAfterMs, resetAfterMs: 2000, ...overrides });

/** A list of String items with their parameters, as `[[name, { parameter: value }], ...]`. */
const read = (field) =>
  parseList(field).map(([name, parameters]) => [name, Object.fromEntries(parameters)]);

test('RateLimit-Policy lists every policy in the order declared, its window in seconds rounded up', () => {
  const field = draft10PolicyField({ burst: policy(20, 1001), daily: policy(5000, 86_400_000) });
  assert.deepEqual(read(field), [
    ['burst', { q: 20, w: 2 }],
    ['daily', { q: 5000, w: 86_400 }],
  ]);
});

test('a window is at least one second, since the draft knows no shorter one', () => {
  assert.deepEqual(read(draft10PolicyField({ p: policy(1, 5) })), [['p', { q: 1, w: 1 }]]);
  assert.deepEqual(read(draft10PolicyField({ p: policy(1, 0.2) })), [['p', { q: 1, w: 1 }]]);
});

test('a concurrency limit counts requests under way, and has no window', () => {
  const slots = { algorithm: 'concurrency', limit: 5, windowMs: 30_000 };
  const field = draft10PolicyField({ burst: policy(20, 1000), slots });
  assert.deepEqual(read(field), [
    ['burst', { q: 20, w: 1 }],
    ['slots', { q: 5, qu: 'concurrent-requests' }],
  ]);
});

test('the largest limit and the longest window there can be are still integers of the format', () => {
  const field = draft10PolicyField({ p: policy(2 ** 42, 100 * 86_400_000) });
  assert.deepEqual(read(field), [['p', { q: 4_398_046_511_104, w: 8_640_000 }]]);
});

test('RateLimit of an admitted call says what is left and, of an unknown policy, when all of it is back', () => {
  assert.deepEqual(read(draft10LimitField(decision())), [['burst', { r: 13, t: 1 }]]);
  const full = decision({ remaining: 20, resetAfterMs: 0 });
  assert.deepEqual(read(draft10LimitField(full)), [['burst', { r: 20 }]]);
});

test('RateLimit of a denied call says when the same call is admitted', () => {
  assert.deepEqual(read(draft10LimitField(denied(1001))), [['burst', { r: 0, t: 2 }]]);
});

test('a call that can never be admitted has no t, and an endless Retry-After', () => {
  const never = denied(Infinity, { remaining: 20 });
  assert.deepEqual(read(draft10LimitField(never)), [['burst', { r: 20 }]]);
  assert.equal(retryAfterSeconds(never), Infinity);
});

test('unknown quota has no RateLimit', () => {
  assert.equal(draft10LimitField(decision({ remaining: NaN, source: 'allow' })), undefined);
  assert.equal(draft10LimitField(denied(0, { remaining: NaN, source: 'deny' })), undefined);
});

test('Retry-After is whole seconds rounded up, and only for a denial', () => {
  assert.equal(retryAfterSeconds(decision()), undefined);
  assert.equal(retryAfterSeconds(denied(1)), 1);
  assert.equal(retryAfterSeconds(denied(1000)), 1);
  assert.equal(retryAfterSeconds(denied(1001)), 2);
});

test('jitter stretches Retry-After up to its share and no further', () => {
  assert.equal(
    retryAfterSeconds(denied(100_000), {}, { retryAfterJitter: 0.2 }, () => 0),
    100,
  );
  assert.equal(
    retryAfterSeconds(denied(100_000), {}, { retryAfterJitter: 0.2 }, () => 0.5),
    110,
  );
  assert.equal(
    retryAfterSeconds(denied(100_000), {}, { retryAfterJitter: 0.2 }, () => 1 - Number.EPSILON / 2),
    120,
  );
});

test('Retry-After is never earlier than t, whatever the wait and the jitter', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  for (let step = 0; step < 10_000; step++) {
    const call = denied(Math.ceil(random() * 10 ** (1 + (step % 9))));
    const [[, { t }]] = read(draft10LimitField(call));
    const retryAfter = retryAfterSeconds(call, {}, { retryAfterJitter: random() }, random);
    assert.ok(retryAfter >= t, `seed ${seed}, step ${step}: Retry-After ${retryAfter}, t ${t}`);
  }
});
