// The folder of the bench's native programs (CMake preset `bench`).
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = new URL('../../../build/bench/tests/bench/', import.meta.url);

/** The path of the program that measures single checks while the table grows. */
export const growthProgram = fileURLToPath(new URL('sluice_bench_growth', folder));

/** The addon that only reads a key. */
export function loadFloor() {
  return createRequire(import.meta.url)(fileURLToPath(new URL('sluice_bench_floor.node', folder)));
}
