// A wall clock that a test steps, for a server started with it. Linux only: the server gets a shim preloaded.
// (libfaketime is no help: it and jemalloc, which Debian's servers use, wait for each other at the start.)

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * `startRedis({ env: clock.env })` starts a server by it; `clock.step(ms)` puts it forward, or back, from then
 * on; `clock.remove()` deletes its files, after the server has stopped. Needs a C compiler.
 */
export async function steppedClock() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-clock-'));
  const [library, file] = [join(folder, 'clock-shim.so'), join(folder, 'offset')];
  const source = fileURLToPath(new URL('clock_shim.c', import.meta.url));
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', library, source]);
  let offsetUs = 0n;
  // One write of eight bytes: the server sees the old offset or the new one.
  const write = () => writeFileSync(file, new BigInt64Array([offsetUs]), { flag: 'r+' });
  writeFileSync(file, new BigInt64Array(1));
  return {
    env: { LD_PRELOAD: library, CLOCK_SHIM: file },
    step(ms) {
      offsetUs += BigInt(Math.round(ms * 1000));
      write();
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
