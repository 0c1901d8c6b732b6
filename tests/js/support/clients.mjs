// Redis clients that people bring, by the names of their packages.

import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';

/** Of the ioredis family. */
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
