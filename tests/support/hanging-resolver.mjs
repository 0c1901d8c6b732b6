// A name server that a test lets hang, for a process started with it. Linux only.

import { makeShim } from './shim.mjs';

/**
 * In a process started with `env`, the name `limits.test` is 127.0.0.1, found at once; between `hang()` and `answer()`
 * whoever looks it up waits. `remove()` deletes its files, after the process has ended.
 */
export async function hangingResolver() {
  const { env, write, remove } = await makeShim('resolver_shim.c');
  return { name: 'limits.test', env, hang: () => write(1), answer: () => write(0), remove };
}
