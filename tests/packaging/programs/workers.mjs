// Worker threads that share a named memory store and one connection to Redis, on any runtime.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createLimiter, memory, redis, tokenBucket } from 'sluice';

const policies = () => tokenBucket({ capacity: 4, every: '1h' });
const local = createLimiter({ policies: policies(), store: memory({ name: 'threads' }) });
const shared = createLimiter({
  policies: policies(),
  store: redis(process.env.REDIS_URL),
  prefix: process.env.PREFIX,
  deadlineMs: 10_000,
});

if (isMainThread) {
  const answers = [];
  for (let i = 0; i < 3; i += 1) {
    const worker = new Worker(new URL(import.meta.url));
    const [answer] = await once(worker, 'message');
    answers.push(answer);
    await worker.terminate();
  }
  assert.deepEqual(answers, [
    [3, 3, 'store'],
    [2, 2, 'store'],
    [1, 1, 'store'],
  ]);
  assert.equal(local.checkSync('a').remaining, 0);
  assert.equal((await shared.check('a')).remaining, 0);
} else {
  const { remaining, source } = await shared.check('a');
  parentPort.postMessage([local.checkSync('a').remaining, remaining, source]);
}
