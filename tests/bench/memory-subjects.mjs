// The subjects in memory. Each has its own loop, so that V8 compiles it for this subject's calls.
//
// A subject: `open(capacity)` makes an empty limiter; `pass(limiter, calls, prefix)` makes the calls (with
// `prefix` before each key, if given) and counts; `close(limiter, keys)` frees the limiter.
import { MemoryStore } from 'express-rate-limit';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { loadFloor } from './lib/native.mjs';
import { REFILL_MS, WINDOW_MS } from './lib/workload.mjs';

export const FLOOR = 'bare addon call';
export const CHECK_SYNC = 'sluice checkSync';
export const CHECK = 'sluice await check';
export const FLEXIBLE = 'rate-limiter-flexible';
export const EXPRESS = 'express-rate-limit';

/** The subjects by name. Without `sluice` (the module), only the peers. */
export function memorySubjects(sluice) {
  return [...(sluice ? ours(sluice) : []), flexible, express, floor()];
}

/** A Sluice limiter with the settings of every bench: the store decides every call. */
export function createSluice(sluice, capacity, options = {}) {
  return sluice.createLimiter({
    policies: sluice.tokenBucket({ capacity, refill: capacity, every: REFILL_MS }),
    onStoreError: 'throw',
    denialCache: false,
    ...options,
  });
}

/**
 * A maker for each algorithm by name. Its policy admits `capacity` calls per key, and nothing flows back during a
 * run.
 */
export const ALGORITHMS = {
  tokenBucket: (sluice, capacity) => sluice.tokenBucket({ capacity, every: REFILL_MS }),
  gcra: (sluice, limit) => sluice.gcra({ limit, every: REFILL_MS }),
  leakyBucket: (sluice, capacity) =>
    sluice.leakyBucket({ capacity, leak: capacity, every: REFILL_MS }),
  fixedWindow: (sluice, limit) => sluice.fixedWindow({ limit, window: REFILL_MS }),
  slidingWindow: (sluice, limit) => sluice.slidingWindow({ limit, window: REFILL_MS }),
  slidingLog: (sluice, limit) => sluice.slidingLog({ limit, window: REFILL_MS }),
  // No slot is released: the most that a key can hold.
  concurrency: (sluice, limit) => sluice.concurrency({ limit, ttl: REFILL_MS }),
};

/** `checkSync` by each algorithm. */
export function algorithmSubjects(sluice) {
  return Object.entries(ALGORITHMS).map(([name, policies]) => ({
    name,
    open: (capacity) =>
      createSluice(sluice, capacity, {
        policies: policies(sluice, capacity),
        // With room for the entries of logs and slots.
        store: sluice.memory({ maxKeys: 4_000_000 }),
      }),
    close: (limiter) => limiter.close(),
    pass: checkSyncAll,
  }));
}

function checkSyncAll(limiter, calls, prefix) {
  let admitted = 0;
  let decided = 0;
  for (const id of calls) {
    const decision = limiter.checkSync(prefix === null ? id : prefix + id);
    if (decision.allowed) admitted++;
    if (decision.source === 'store') decided++;
  }
  return { admitted, decided };
}

function ours(sluice) {
  const open = (capacity) => createSluice(sluice, capacity);
  const close = (limiter) => limiter.close();
  return [
    { name: CHECK_SYNC, open, close, pass: checkSyncAll },
    {
      name: CHECK,
      open,
      close,
      async pass(limiter, calls, prefix) {
        let admitted = 0;
        let decided = 0;
        for (const id of calls) {
          const decision = await limiter.check(prefix === null ? id : prefix + id);
          if (decision.allowed) admitted++;
          if (decision.source === 'store') decided++;
        }
        return { admitted, decided };
      },
    },
  ];
}

// `consume` is async and rejects on a denial, so the catch is part of a call.
const flexible = {
  name: FLEXIBLE,
  open: (capacity) => new RateLimiterMemory({ points: capacity, duration: WINDOW_MS / 1000 }),
  async close(limiter, keys) {
    for (const key of keys) await limiter.delete(key); // clears the timer of each key
  },
  async pass(limiter, calls, prefix) {
    let admitted = 0;
    let decided = 0;
    for (const id of calls) {
      try {
        await limiter.consume(prefix === null ? id : prefix + id);
        admitted++;
      } catch (denial) {
        if (denial instanceof Error) throw denial;
      }
      decided++;
    }
    return { admitted, decided };
  },
};

// `increment` is async too, and callers must await it to get the count.
const express = {
  name: EXPRESS,
  open(capacity) {
    const store = new MemoryStore();
    store.init({ windowMs: WINDOW_MS });
    return { store, capacity };
  },
  close: ({ store }) => store.shutdown(),
  async pass({ store, capacity }, calls, prefix) {
    let admitted = 0;
    let decided = 0;
    for (const id of calls) {
      const { totalHits } = await store.increment(prefix === null ? id : prefix + id);
      if (totalHits <= capacity) admitted++;
      decided++;
    }
    return { admitted, decided };
  },
};

/** Decides nothing: `decided` counts the returned numbers. */
function floor() {
  const { readKey } = loadFloor();
  return {
    name: FLOOR,
    decides: false,
    open: () => null,
    close() {},
    pass(_, calls, prefix) {
      let decided = 0;
      for (const id of calls) {
        if (readKey(prefix === null ? id : prefix + id) >= 0) decided++;
      }
      return { admitted: 0, decided };
    },
  };
}
