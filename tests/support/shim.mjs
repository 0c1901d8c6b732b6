// Libraries that a test preloads into a process, to fake answers of the system. Linux only.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * Compiles `source` (beside this file; needs a C compiler) and creates the file that it maps: one 64-bit number,
 * 0 at first. Resolves to `{ env, write(number), remove() }`. `env` is for the process; its variable for the file is
 * the source's name in capitals, such as CLOCK_SHIM for clock_shim.c. Call `remove()` after the process has ended.
 */
export async function makeShim(source) {
  const name = source.replace(/\.c$/, '');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-shim-'));
  const [library, file] = [join(folder, `${name}.so`), join(folder, 'number')];
  const path = fileURLToPath(new URL(source, import.meta.url));
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', library, path]);
  writeFileSync(file, new BigInt64Array(1));
  return {
    env: { LD_PRELOAD: library, [name.toUpperCase()]: file },
    // A single write of eight bytes: the process sees the old number or the new one.
    write: (number) => writeFileSync(file, new BigInt64Array([BigInt(number)]), { flag: 'r+' }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
