// A process that reserves and settles until it is killed: { url, prefix, limit, seed }. Before it reports a
// settlement, the store has answered it.

import { setTimeout as sleep } from 'node:timers/promises';
import { concurrency, createLimiter, fixedWindow, redis } from 'sluice';
import { seededNumbers } from './random.mjs';

const { url, prefix, limit, ttlMs, seed } = JSON.parse(process.argv[2]);
const below = seededNumbers(seed);
const limiter = createLimiter({
  policies: {
    tokens: fixedWindow({ limit, window: '90d' }),
    jobs: concurrency({ limit: 50, ttl: '1d' }),
  },
  store: redis(url),
  prefix,
  onStoreError: 'throw',
  denialCache: false,
  deadlineMs: 60_000,
});

async function work() {
  for (;;) {
    const onExpire = ['estimate', 'checkpoint', 'refund'][below(3)];
    const estimate = { tokens: 1 + below(100) };
    const reservation = await limiter.reserve('k', estimate, { ttlMs, onExpire });
    if (!reservation.allowed) {
      await sleep(5);
      continue;
    }
    if (below(2) === 0) await reservation.checkpoint({ tokens: below(150) });
    await sleep(below(20));
    if (below(10) === 0) {
      await reservation.cancel();
      continue;
    }
    const usage = below(150);
    const { ok } = await reservation.settle({ tokens: usage });
    if (ok) process.send({ holder: reservation.id.slice(1, 33), usage });
  }
}

await Promise.all([work(), work(), work()]);
