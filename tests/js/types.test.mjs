// The types: code that must compile does, and code that must not does not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const programs = {
  sluice: './types.mts',
  'sluice/express': './express.types.mts',
  'the stores for others': './stores.types.mts',
  'clients of Redis': './own-client.types.mts',
};

const own = createRequire(import.meta.url).resolve('typescript/bin/tsc');

function compile(program, tsc = own, ...more) {
  const flags = '--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2022';
  const file = fileURLToPath(new URL(program, import.meta.url));
  const args = [tsc, ...flags.split(' '), ...more, file];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
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

/**
 * Checks the messages about the calls of missing-plan-errors.mts: each names the plan, and the plans there are.
 * TypeScript 7 explains only the last overload, so of `rateLimit` not the one that lacks a plan.
 */
function checkMissingPlanErrors(stdout, explainsAll = true) {
  const program = readFileSync(new URL('./missing-plan-errors.mts', import.meta.url), 'utf8');
  const [, calls] = program.split('// Calls:\n');
  const errors = stdout.split(/^(?=\S)/m);
  assert.equal(errors.length, calls.trim().split('\n').length, stdout);
  for (const error of errors) {
    if (!explainsAll && /The last overload gave/.test(error)) continue;
    assert.match(error, /MissingPlan<"free" \| "pro">|'plan' is missing in type/);
    assert.match(error, /"free" \| "pro"/);
  }
}

test('the compiler says of a call without a plan which plans there are', () => {
  checkMissingPlanErrors(compile('./missing-plan-errors.mts').stdout);
});

/** Checks the messages about the mistakes of key-errors.mts. */
function checkKeyErrors(stdout) {
  const errors = stdout.split(/^(?=\S)/m);
  assert.equal(errors.length, 3, stdout);
  const [noParts, misspelt, policy] = errors;
  assert.match(noParts, /'\{ user: string; \}' is not assignable to parameter of type 'string'/);
  assert.match(misspelt, /'usr' does not exist in type .*"user".* Did you mean to write 'user'\?/s);
  assert.match(
    policy,
    /'brust' does not exist in type .*"burst".* Did you mean to write 'burst'\?/s,
  );
}

test('the compiler names an unknown part of a key, and a misspelt policy', () => {
  checkKeyErrors(compile('./key-errors.mts').stdout);
});

test('the types use no NoInfer, which TypeScript before 5.4 lacks: every key would compile', () => {
  const dist = fileURLToPath(new URL('../../dist', import.meta.url));
  const declarations = readdirSync(dist, { recursive: true }).filter((f) => f.endsWith('.d.ts'));
  assert.ok(declarations.length > 40);
  for (const file of declarations) {
    assert.doesNotMatch(readFileSync(join(dist, file), 'utf8'), /\bNoInfer</, file);
  }
});

for (const version of ['5.0.4', '5.3.3', '7.0.2']) {
  const skip = !process.env.SLUICE_FULL && 'installs a compiler: npm run test:full';
  test(`TypeScript ${version} infers the same names and refuses the same mistakes`, {
    skip,
  }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-types-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const install = ['install', '--prefix', folder, `typescript@${version}`];
    const npm = spawnSync('npm', install, { encoding: 'utf8' });
    assert.equal(npm.status, 0, npm.stderr);
    const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
    // Other packages' declarations need newer compilers.
    const more = ['--skipLibCheck', '--types', 'node'];
    if (version.startsWith('7')) more.push('--ignoreConfig');
    for (const program of ['./types.mts', './express.types.mts']) {
      const { stdout, status } = compile(program, tsc, ...more);
      assert.equal(status, 0, stdout);
    }
    checkKeyErrors(compile('./key-errors.mts', tsc, ...more).stdout);
    const { stdout } = compile('./missing-plan-errors.mts', tsc, ...more);
    checkMissingPlanErrors(stdout, !version.startsWith('7'));
  });
}
