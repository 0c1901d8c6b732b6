// Workers that are terminated in the middle of a call: the process lives on. SLUICE_FULL=1: 2,000 of each kind.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testSeed } from '../support/random.mjs';
import { useRedis } from '../support/use-redis.mjs';
import { LOOPS } from '../support/worker-loops.mjs';

const { server } = await useRedis();

const program = fileURLToPath(new URL('../support/worker-loops.mjs', import.meta.url));
const workers = process.env.SLUICE_FULL ? 2000 : 24;

/** Runs a program to its end: `{ error, stdout, stderr }`. */
function runAlone(...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 3_000_000 }, (error, stdout, stderr) => {
      resolve({ error, stdout, stderr });
    });
  });
}

for (const kind of Object.keys(LOOPS)) {
  test(`terminating workers in ${kind} ends them alone`, async (t) => {
    const seed = testSeed();
    t.diagnostic(`SLUICE_SEED=${seed}, ${workers} workers`);
    const { error, stdout, stderr } = await runAlone(program, kind, workers, seed, server.url);
    assert.equal(error, null, `${error?.signal ?? error?.code}, SLUICE_SEED=${seed}\n${stderr}`);
    assert.match(stdout, new RegExp(`^ended ${workers}$`, 'm'));
  });
}
