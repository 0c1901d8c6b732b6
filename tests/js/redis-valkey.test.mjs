// The tests of the API over Redis, over Valkey.

import { test } from 'node:test';
import { skipWithout } from '../support/redis-server.mjs';

const skip = skipWithout('valkey');
if (skip) {
  test('createLimiter over Valkey', { skip }, () => {});
} else {
  // The runner gives each file a process, so nobody else sees this.
  process.env.SLUICE_SERVER = 'valkey';
  await import('./redis.test.mjs');
  await import('./redis-api.test.mjs');
}
