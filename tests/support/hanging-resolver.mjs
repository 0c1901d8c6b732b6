// A name server that a test can stop, for a process started with it. Linux only.

import { makeShim } from './shim.mjs';

/**
 * A process started with `env` finds the name `limits.test` at 127.0.0.1 at once. Between `hang()` and `answer()` its
 * lookups wait. `remove()` deletes the files, after the process has ended.
 */
export async function hangingResolver() {
  const { env, write, remove } = await makeShim('resolver_shim.c');
  return { name: 'limits.test', env, hang: () => write(1), answer: () => write(0), remove };
}
