// The types of 'sluice/express': what must compile does, what must not does not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('the types of the middleware infer policy names and refuse wrong options', () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const program = fileURLToPath(new URL('./express.types.mts', import.meta.url));
  const flags = '--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2022';
  const { stdout, status } = spawnSync(process.execPath, [tsc, ...flags.split(' '), program], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});
