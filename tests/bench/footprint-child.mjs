// The child of footprint.mjs: fills one limiter with keys and returns the growth of the process.
import { readFileSync } from 'node:fs';
import { serve } from './lib/child.mjs';
import { collectGarbage } from './lib/gc.mjs';
import { WINDOW_MS } from './lib/workload.mjs';

/** Warm-up calls that bring V8's heap to its final size. */
const WARM_UP_CALLS = 200_000;
/** Above the calls of any key, so that nothing is denied. */
const LIMIT = 10_000;

serve({
  async grow({ kind, keys, maxKeys, algorithm = 'tokenBucket' }) {
    const open = await openers[kind](algorithm);
    const key = (i) => `user:${String(i).padStart(12, '0')}`;

    const small = open(100);
    for (let i = 0; i < WARM_UP_CALLS; i++) await small.take(key(i % 100));
    const large = open(maxKeys);
    await settle();
    const before = residentBytes();
    let admitted = 0;
    for (let i = 0; i < keys; i++) if (await large.take(key(i))) admitted++;
    await settle();
    const grownBytes = residentBytes() - before;

    if (admitted !== keys) throw new Error(`admitted ${admitted} of ${keys} first calls`);
    const held = large.held?.() ?? keys;
    // A table with room for more keys must hold all of them.
    if (maxKeys > keys && held !== keys) throw new Error(`holds ${held} of ${keys} keys`);
    return { grownBytes, held };
  },
});

/** Each opens a limiter with at most `maxKeys` keys (only Sluice has such a bound). */
const openers = {
  async sluice(algorithm) {
    const sluice = await import('sluice');
    const { ALGORITHMS, createSluice } = await import('./memory-subjects.mjs');
    return (maxKeys) => {
      const limiter = createSluice(sluice, LIMIT, {
        policies: ALGORITHMS[algorithm](sluice, LIMIT),
        store: sluice.memory({ maxKeys }),
      });
      return {
        take: (key) => limiter.checkSync(key).allowed,
        held: () => limiter.stats().memory.keys,
      };
    };
  },
  async flexible() {
    const { RateLimiterMemory } = await import('rate-limiter-flexible');
    return () => {
      const limiter = new RateLimiterMemory({ points: LIMIT, duration: WINDOW_MS / 1000 });
      return { take: (key) => limiter.consume(key).then(() => true) };
    };
  },
  async express() {
    const { MemoryStore } = await import('express-rate-limit');
    return () => {
      const store = new MemoryStore();
      store.init({ windowMs: WINDOW_MS });
      return { take: (key) => store.increment(key).then(({ totalHits }) => totalHits <= LIMIT) };
    };
  },
};

/** Leaves no garbage, now or in pending callbacks. */
async function settle() {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The resident set, read exactly if the system provides it: getrusage lags by pages. */
function residentBytes() {
  if (process.platform !== 'linux') return process.memoryUsage.rss();
  const [, kilobytes] = /^Rss:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'));
  return Number(kilobytes) * 1024;
}
