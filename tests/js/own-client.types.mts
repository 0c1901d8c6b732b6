// Which clients `redis({ client })` takes, by the types of their packages. Compiled by types.test.mjs.

import { Cluster, Redis } from 'ioredis';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { type RedisClient, type RedisStore, redis } from 'sluice';

const url = 'redis://localhost:6379';
const cluster = createCluster({ rootNodes: [{ url }] });
const sentinel = createSentinel({ name: 'main', sentinelRootNodes: [] });

const stores: RedisStore[] = [
  redis({ client: new Redis(url) }),
  redis({ client: new Cluster([url]) }),
  redis({ client: new Valkey(url) }),
  redis({ client: new ValkeyCluster([url]) }),
  redis({ client: createClient({ url }) }),
  redis({ client: createClient({ url }).withTypeMapping({ 58: String }) }),
  redis({ client: createClientPool({ url }) }),
  redis({ client: cluster }),
  redis({ client: sentinel }),
];

// A function that takes either.
const over = (client: RedisClient) => redis({ client });
over(new Redis(url));
over(createClient({ url }));

// @ts-expect-error: a URL is no client
redis({ client: url });
// @ts-expect-error: nor is an options object
redis({ client: { url } });
// @ts-expect-error: a client has its own database
redis({ client: new Redis(url), database: 3 });
// @ts-expect-error: a pipeline is no client
redis({ client: new Redis(url).pipeline() });

export { stores };
