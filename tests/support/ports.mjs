// Ports of the loopback address for what a test starts, and for what is not to be there.

import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the system hands out to whoever asks for any (from 32768 on Linux), so that what is stopped can
 * be started again on its port; and another block for each of the processes that run at the same time.
 */
const [FIRST, BLOCK, BLOCKS] = [10_000, 100, 200];
const block = FIRST + (process.pid % BLOCKS) * BLOCK;
let next = 0;

/** A port that nothing listens on, and that nobody but this process will take: each time another one. */
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
