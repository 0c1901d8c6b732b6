// Free ports of the loopback address for servers of tests, and ports without a server.

import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the system's ephemeral ports (from 32768 on Linux), so a stopped server can start again on its port. Each
 * concurrent process has its own block.
 */
const [FIRST, BLOCK, BLOCKS] = [10_000, 100, 200];
const block = FIRST + (process.pid % BLOCKS) * BLOCK;
let next = 0;

/** A new port without a listener, which only this process uses. */
export async function freePort() {
  for (let tries = 0; tries < BLOCK; tries++) {
    const port = block + (next++ % BLOCK);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${block} to ${block + BLOCK - 1}`);
}

async function isFree(port) {
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
