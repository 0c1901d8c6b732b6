// Random calls of the addon's own functions, in a process of their own, which they must not end.
// SLUICE_FUZZ_SECONDS says for how long. tests/support/addon-fuzz.mjs says how to replay a round, and how to run it
// with sanitizers.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testSeed } from '../support/random.mjs';

const program = fileURLToPath(new URL('../support/addon-fuzz.mjs', import.meta.url));
const seconds = Number(process.env.SLUICE_FUZZ_SECONDS ?? (process.env.SLUICE_FULL ? 3600 : 15));

test('random calls of the addon return or throw', async (t) => {
  const env = { ...process.env, SLUICE_SEED: String(testSeed()) };
  const args = ['--expose-gc', '--no-deprecation', program, String(seconds)];
  const { error, stdout, stderr } = await new Promise((resolve) => {
    // Only what stops answering altogether takes so long.
    const options = { env, timeout: (seconds + 600) * 1000, maxBuffer: 2 ** 30 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ error, stdout, stderr });
    });
  });
  const last = stdout.match(/SLUICE_SEED=\d+/g)?.at(-1);
  const what = `${error?.signal ?? error?.code}; replay: node addon-fuzz.mjs 0 ${last?.slice(12)}`;
  assert.equal(error, null, `${what}\n${stderr}`);
  t.diagnostic(`${stdout.match(/rounds \d+$/m)?.[0]}, the last with ${last}`);
});
