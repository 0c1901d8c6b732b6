// Who is measured over Redis. Each runs alone in a process of its own.
//
// A subject: `open({ port, capacity })` connects and resolves to
//   decide(key)        the call, as an application makes it: a promise
//   admitted(result)   what it came to; throws when Redis did not decide
//   denied(error)      where a denial is a rejection: returns for one, rethrows anything else
//   close()
// Each peer decides every call in Redis, as Sluice does here: no cache of denials in the process.
import { REFILL_MS, WINDOW_MS } from './lib/workload.mjs';

const rethrow = (error) => {
  throw error;
};

export const redisSubjects = {
  async sluice({ port, capacity }) {
    const { createLimiter, redis, tokenBucket } = await import('sluice');
    const limiter = createLimiter({
      policies: tokenBucket({ capacity, refill: capacity, every: REFILL_MS }),
      store: redis(`redis://127.0.0.1:${port}`),
      onStoreError: 'throw',
      denialCache: false,
      deadlineMs: 5000,
    });
    return {
      decide: (key) => limiter.check(key),
      admitted({ source, allowed }) {
        if (source !== 'store') throw new Error(`decided by '${source}', not by the store`);
        return allowed;
      },
      denied: rethrow,
      close: () => limiter.close(),
    };
  },

  'rate-limiter-flexible + ioredis': (options) => flexible(options, false),

  // ioredis gathers the commands of one turn of the event loop when told to.
  'the same, auto-pipelining': (options) => flexible(options, true),

  async 'rate-limit-redis + node-redis'({ port, capacity }) {
    const { RedisStore } = await import('rate-limit-redis');
    const { createClient } = await import('redis');
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    await client.connect();
    const store = new RedisStore({ sendCommand: (...args) => client.sendCommand(args) });
    await store.init({ windowMs: WINDOW_MS });
    return {
      decide: (key) => store.increment(key),
      admitted: ({ totalHits }) => totalHits <= capacity,
      denied: rethrow,
      close: () => client.close(),
    };
  },
};

async function flexible({ port, capacity }, enableAutoPipelining) {
  const { Redis } = await import('ioredis');
  const { RateLimiterRedis } = await import('rate-limiter-flexible');
  const client = new Redis({ host: '127.0.0.1', port, enableAutoPipelining });
  const limiter = new RateLimiterRedis({
    storeClient: client,
    points: capacity,
    duration: WINDOW_MS / 1000,
  });
  return {
    decide: (key) => limiter.consume(key),
    admitted: () => true,
    denied(denial) {
      if (denial instanceof Error) throw denial;
    },
    close: () => client.quit(),
  };
}
