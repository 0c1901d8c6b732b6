// Process warnings about a failing Redis: one for each outage, however many calls fail.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { FaultWarnings } from '../../dist/redis/fault-warnings.js';
import { freePort } from '../support/ports.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

/** The warnings about faults that `run` causes. */
async function faultWarningsDuring(run) {
  const warnings = [];
  const note = (warning) => {
    if (warning.code === 'SLUICE_STORE_FAULT') warnings.push(warning.message);
  };
  process.on('warning', note);
  try {
    await run();
    // Warnings are emitted in a later tick.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', note);
  }
  return warnings;
}

test('calls that fail between calls that Redis answers are warned of once', async () => {
  const limiter = createLimiter({
    policies: { api: tokenBucket({ capacity: 5, every: '1h' }) },
    store: redis(server.url),
    prefix: 'mixed',
    denialCache: false,
    deadlineMs: 60_000,
  });
  await client.set('mixed:{foreign}:api:tb1', 'not a number');
  const sources = [];
  const warnings = await faultWarningsDuring(async () => {
    for (const key of ['good', 'foreign', 'good', 'foreign', 'good', 'foreign']) {
      sources.push((await limiter.check(key)).source);
    }
  });
  await limiter.close();
  assert.deepEqual(sources, ['store', 'local', 'store', 'local', 'store', 'local']);
  assert.equal(warnings.length, 1, warnings.join('\n'));
  assert.match(warnings[0], /holds a value .* \(checks are decided by onStoreError: 'local'\)$/);
});

test('the plans of a limiter warn of an outage once', async () => {
  const limiter = createLimiter({
    plans: {
      free: { daily: fixedWindow({ limit: 1, window: '1d' }) },
      pro: { daily: fixedWindow({ limit: 9, window: '1d' }) },
    },
    store: redis(`redis://127.0.0.1:${await freePort()}`),
    onStoreError: 'allow',
  });
  const warnings = await faultWarningsDuring(async () => {
    for (const plan of ['free', 'pro', 'free', 'pro']) {
      assert.equal((await limiter.check('ann', { plan })).source, 'allow');
    }
  });
  await limiter.close();
  assert.equal(warnings.length, 1, warnings.join('\n'));
  assert.match(warnings[0], /\(checks are decided by onStoreError: 'allow'\)$/);
});

test('a kind of fault is shown again after a minute without it, another kind at once', () => {
  let nowMs = 0;
  const warnings = new FaultWarnings(() => nowMs);
  const steps = [
    ['timeout', 0, true],
    ['unavailable', 0, false], // the same outage
    ['answered'],
    ['timeout', 1, false], // came back too soon
    ['server', 1, true], // an outage of another kind
    ['answered'],
    ['timeout', 60_000, false], // 59,999 ms without it
    ['timeout', 120_000, true],
    ['timeout', 240_000, false], // never answered: still the same outage
    ['answered'],
    ['timeout', 300_000, true],
  ];
  for (const [i, [what, atMs, shown]] of steps.entries()) {
    if (what === 'answered') {
      warnings.answered();
      continue;
    }
    nowMs = atMs;
    assert.equal(warnings.shows(what), shown, `step ${i}: ${what} at ${atMs} ms`);
  }
});
