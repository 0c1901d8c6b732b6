// The fault table over Valkey; only with SLUICE_FULL=1.

import { test } from 'node:test';
import { skipWithout } from '../support/redis-server.mjs';

const skip = process.env.SLUICE_FULL ? skipWithout('valkey') : 'npm run test:full runs it';
if (skip) {
  test('the fault table over Valkey', { skip }, () => {});
} else {
  process.env.SLUICE_SERVER = 'valkey';
  await import('./faults.test.mjs');
}
