// Users' Redis clients, by the names of their packages.

import { Redis as Ioredis, Cluster as IoredisCluster } from 'ioredis';
import { Redis as Iovalkey, Cluster as IovalkeyCluster } from 'iovalkey';
import { createClient, createCluster } from 'redis';

/** Clients of the ioredis family. */
const family = (Redis) => ({
  open(url, options = {}) {
    const client = new Redis(url, options);
    client.on('error', () => {});
    return client;
  },
  close: (client) => client.disconnect(),
});

/** `open(url, options)`: connecting; not yet, or never, connected. */
export const CLIENTS = {
  ioredis: family(Ioredis),
  iovalkey: family(Iovalkey),
  'node-redis': {
    open(url, options = {}) {
      const client = createClient({ url, ...options });
      client.on('error', () => {});
      client.connect().catch(() => {}); // it was closed before there was a server
      return client;
    },
    close: (client) => client.isOpen && client.destroy(),
  },
};

const clusterFamily = (Cluster) => ({
  open(urls, options = {}) {
    const client = new Cluster(urls, options);
    client.on('error', () => {});
    return client;
  },
  close: (client) => client.disconnect(),
});

/** The same for clusters: `open(urls, options)`; node-redis takes no command before it is connected. */
export const CLUSTER_CLIENTS = {
  ioredis: clusterFamily(IoredisCluster),
  iovalkey: clusterFamily(IovalkeyCluster),
  'node-redis': {
    async open(urls, options = {}) {
      const client = createCluster({ rootNodes: urls.map((url) => ({ url })), ...options });
      client.on('error', () => {});
      await client.connect();
      return client;
    },
    close: (client) => client.isOpen && client.destroy(),
  },
};
