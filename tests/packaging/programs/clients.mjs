// Redis through ioredis and node-redis, on any runtime.

import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { createLimiter, redis, tokenBucket } from 'sluice';

const ioredis = new Redis(process.env.REDIS_URL);
const nodeRedis = createClient({ url: process.env.REDIS_URL });
await nodeRedis.connect();
for (const [key, client] of Object.entries({ ioredis, nodeRedis })) {
  const limiter = createLimiter({
    policies: tokenBucket({ capacity: 2, every: '1h' }),
    store: redis({ client }),
    prefix: process.env.PREFIX,
    deadlineMs: 10_000,
  });
  const decisions = [];
  for (let i = 0; i < 3; i += 1) decisions.push(await limiter.check(key));
  assert.deepEqual(
    decisions.map(({ allowed, source }) => `${allowed} by ${source}`),
    ['true by store', 'true by store', 'false by store'],
    key,
  );
  await limiter.close();
}
ioredis.disconnect();
await nodeRedis.close();
