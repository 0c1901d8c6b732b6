// Waiting calls leave nothing in memory, once their turns have come or they have given up.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { tokenBucket } from 'sluice';
import { still } from '../support/limits.mjs';

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

function heapUsed() {
  gc();
  return process.memoryUsage().heapUsed;
}

test('calls of many keys under several policies leave nothing behind once they have been answered', async () => {
  const policy = tokenBucket({ capacity: 1, every: '1s' });
  const names = ['second', 'minute', 'hour', 'day', 'month'];
  const policies = Object.fromEntries(names.map((name) => [name, policy]));
  const { limiter } = still(policies, { maxKeys: 1000 });
  let key = 0;
  const call = async (count) => {
    for (const last = key + count; key < last; key++) await limiter.wait(`user:${key}`);
  };
  await call(2000);
  const before = heapUsed();
  await call(20_000);
  // With the lines of three of the five policies kept, it would be 12 MB.
  assert.ok(heapUsed() - before < 5e6, `${heapUsed() - before} bytes more`);
});
