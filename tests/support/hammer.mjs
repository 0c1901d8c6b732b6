// A process that checks one key in Redis as fast as it can, for so long and until it is denied, and reports how often it
// was admitted.

import { once } from 'node:events';
import { createLimiter, redis, tokenBucket } from 'sluice';

const { url, prefix, policy, seconds } = JSON.parse(process.argv[2]);
const limiter = createLimiter({
  policies: tokenBucket(policy),
  store: redis(url),
  prefix,
  onStoreError: 'throw',
  denialCache: false,
  deadlineMs: 60_000,
});
let admitted = 0;
async function check() {
  const { allowed, source } = await limiter.check('one');
  if (source !== 'store') throw new Error(`decided by ${source}`);
  if (allowed) admitted += 1;
  return allowed;
}
await check(); // connects; on a busy machine the others may leave it nothing more
process.send('ready');
await once(process, 'message');
const end = performance.now() + seconds * 1000;
async function hammer() {
  while ((await check()) || performance.now() < end);
}
await Promise.all(Array.from({ length: 32 }, hammer));
await limiter.close();
process.send({ admitted }, () => process.disconnect());
