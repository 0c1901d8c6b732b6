// Libraries that a test preloads into a process, to bend what the system tells it. Linux only.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * Compiles `source` (beside this file; it needs a C compiler) and makes the file of one 64-bit number, 0 at first, that
 * it maps. Resolves to `{ env, write(number), remove() }`: `env` is for the process; the variable that names the file
 * is the source's name in capitals: CLOCK_SHIM of clock_shim.c. To be removed when the process has ended.
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
    // One write of eight bytes: the process sees the old number or the new one.
    write: (number) => writeFileSync(file, new BigInt64Array([BigInt(number)]), { flag: 'r+' }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
