// A wall clock that a test steps, for a server started with it. Linux only.
// (libfaketime is no help: it and jemalloc, which Debian's servers use, wait for each other at the start.)

import { makeShim } from './shim.mjs';

/**
 * `startRedis({ env: clock.env })` starts a server by it; `clock.step(ms)` puts it forward, or back, from then
 * on; `clock.remove()` deletes its files, after the server has stopped.
 */
export async function steppedClock() {
  const { env, write, remove } = await makeShim('clock_shim.c');
  let offsetUs = 0;
  return {
    env,
    step(ms) {
      offsetUs += Math.round(ms * 1000);
      write(offsetUs);
    },
    remove,
  };
}
