// A process that checks one key in Redis as fast as it can, and reports how often it was admitted.

import { once } from 'node:events';
import { createLimiter, redis, tokenBucket } from 'sluice';

const { url, prefix, policy, seconds } = JSON.parse(process.argv[2]);
const limiter = createLimiter({
  policies: tokenBucket(policy),
  store: redis(url),
  prefix,
  onStoreError: 'throw',
  denialCache: false,
  deadlineMs: 10_000,
});
await limiter.peek('one'); // connects
process.send('ready');
await once(process, 'message');
const end = Date.now() + seconds * 1000;
let admitted = 0;
async function hammer() {
  while (Date.now() < end) {
    const decision = await limiter.check('one');
    if (decision.source !== 'store') throw new Error(`decided by ${decision.source}`);
    if (decision.allowed) admitted += 1;
  }
}
await Promise.all(Array.from({ length: 32 }, hammer));
await limiter.close();
process.send({ admitted }, () => process.disconnect());
