// The types: code that must compile does, and code that must not does not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const programs = {
  sluice: './types.mts',
  'sluice/express': './express.types.mts',
  'the stores for others': './stores.types.mts',
  'clients of Redis': './own-client.types.mts',
};

function compile(program) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const flags = '--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2022';
  const file = fileURLToPath(new URL(program, import.meta.url));
  return spawnSync(process.execPath, [tsc, ...flags.split(' '), file], { encoding: 'utf8' });
}

for (const [entry, program] of Object.entries(programs)) {
  test(`the types of ${entry} infer names and refuse what is wrong`, () => {
    const { stdout, status } = compile(program);
    assert.equal(status, 0, stdout);
  });
}

test('the compiler says of a misspelt plan which plans there are', () => {
  const errors = compile('./plan-errors.mts').stdout.split(/^(?=\S)/m);
  assert.equal(errors.length, 3, errors.join(''));
  for (const error of errors) {
    assert.match(error, /"por"' is not assignable to type .*"free" \| "pro"/);
    assert.doesNotMatch(error, /policies|'never'/);
  }
});
