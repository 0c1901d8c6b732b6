// The subjects over Redis. Each runs alone in its own process.
//
// A subject: `open({ ports, cluster, limits })` connects and resolves to
//   decide(key)        the call, as an application makes it: a promise
//   admitted(result)   whether it was admitted; throws if Redis did not decide
//   denied(error)      if a denial is a rejection: returns for a denial, rethrows other errors
//   close()
// `limits` has one or several policies; a key may make as many calls as the smallest. Sluice charges all policies or
// none, in one command. No peer can, so each has one limiter per policy, called as its documentation or guard does.
// After a denial by one of them, the charges of the others stay.
// Each peer decides every call in Redis, as Sluice does here: no denial cache in the process.
import { REFILL_MS, WINDOW_MS } from './lib/workload.mjs';

const rethrow = (error) => {
  throw error;
};

export const redisSubjects = {
  async sluice({ ports, cluster, limits }) {
    const { createLimiter, redis, tokenBucket } = await import('sluice');
    const urls = ports.map((port) => `redis://127.0.0.1:${port}`);
    const policies = limits.map((capacity, i) => [
      `policy${i}`,
      tokenBucket({ capacity, refill: capacity, every: REFILL_MS }),
    ]);
    const limiter = createLimiter({
      policies: Object.fromEntries(policies),
      store: cluster ? redis({ nodes: urls, cluster: true }) : redis(urls[0]),
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

  // ioredis can combine the commands of one turn of the event loop.
  'the same, auto-pipelining': (options) => flexible(options, true),

  // Several policies: one store each, called at once.
  async 'rate-limit-redis + node-redis'({ ports, limits }) {
    const { RedisStore } = await import('rate-limit-redis');
    const { createClient } = await import('redis');
    const client = createClient({ url: `redis://127.0.0.1:${ports[0]}` });
    await client.connect();
    const sendCommand = (...args) => client.sendCommand(args);
    const stores = limits.map((_, i) => new RedisStore({ sendCommand, prefix: `rl${i}:` }));
    for (const store of stores) await store.init({ windowMs: WINDOW_MS });
    const [only] = stores;
    const within = ({ totalHits }, i) => totalHits <= limits[i];
    return {
      decide:
        stores.length === 1
          ? (key) => only.increment(key)
          : (key) => Promise.all(stores.map((store) => store.increment(key))),
      admitted: (told) => [told].flat().every(within),
      denied: rethrow,
      close: () => client.close(),
    };
  },

  // Several policies: one after the other until one denies, as ThrottlerGuard calls its throttlers.
  async '@nest-lab/throttler-storage-redis'({ ports, limits }) {
    const { ThrottlerStorageRedisService } = await import('@nest-lab/throttler-storage-redis');
    const { Redis } = await import('ioredis');
    const client = new Redis({ host: '127.0.0.1', port: ports[0] });
    const storage = new ThrottlerStorageRedisService(client);
    const ask = (key, i) =>
      storage.increment(key, WINDOW_MS, limits[i], WINDOW_MS, `throttler${i}`);
    return {
      async decide(key) {
        for (let i = 0; i < limits.length; i++) {
          const told = await ask(key, i);
          if (told.isBlocked) return told;
        }
        return { isBlocked: false };
      },
      admitted: ({ isBlocked }) => !isBlocked,
      denied: rethrow,
      close: () => client.quit(),
    };
  },
};

/** The subjects for clusters. */
export const clusterSubjects = ['sluice', 'rate-limiter-flexible + ioredis'];

// Several policies: its RateLimiterUnion.
async function flexible({ ports, cluster, limits }, enableAutoPipelining) {
  const { Cluster, Redis } = await import('ioredis');
  const { RateLimiterRedis, RateLimiterUnion } = await import('rate-limiter-flexible');
  const nodes = ports.map((port) => ({ host: '127.0.0.1', port }));
  const client = cluster
    ? new Cluster(nodes, { enableAutoPipelining })
    : new Redis({ ...nodes[0], enableAutoPipelining });
  const limiters = limits.map(
    (points, i) =>
      new RateLimiterRedis({
        storeClient: client,
        keyPrefix: `rlf${i}`,
        points,
        duration: WINDOW_MS / 1000,
      }),
  );
  const limiter = limiters.length === 1 ? limiters[0] : new RateLimiterUnion(...limiters);
  return {
    decide: (key) => limiter.consume(key),
    admitted: () => true,
    denied(denial) {
      // The rejection of a union lists the limiters that denied, and errors.
      const all = limiters.length === 1 ? [denial] : Object.values(denial);
      const error = all.find((one) => one instanceof Error);
      if (error) throw error;
    },
    close: () => client.quit(),
  };
}
