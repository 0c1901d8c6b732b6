// A Redis server for all tests of a file, and a client that looks into it.

import { after } from 'node:test';
import { Redis } from 'ioredis';
import { startRedis } from './redis-server.mjs';

/** Both until the file's last test has ended. `options`: see startRedis. */
export async function useRedis(options) {
  const server = await startRedis(options);
  const client = new Redis(server.url);
  after(async () => {
    client.disconnect();
    await server.stop();
  });
  return { server, client };
}
