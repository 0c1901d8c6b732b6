// npm test: sets up, builds, runs every test file, and ends with the failures and the totals.
// --full (npm run test:full) sets SLUICE_FULL=1: tests then use their full counts.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage, CommandFailed, cmake, jobs, root, run, setUp, step } from './lib/steps.mjs';

const full = process.argv.includes('--full');
const results = join(root, 'build', 'test-results');
const totals = { tests: 0, pass: 0, fail: 0, skipped: 0 };
/** Step counts that randomised tests report: `{ name, steps, seed }`. */
const counted = [];
/** The failed tests with their errors, repeated at the end. */
const failures = [];
const fullEnv = full ? { SLUICE_FULL: '1' } : {};

function count(passed, failed, skipped) {
  totals.tests += passed + failed + skipped;
  totals.pass += passed;
  totals.fail += failed;
  totals.skipped += skipped;
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

// Each GoogleTest program writes one JSON file; only ctest counts tests without GoogleTest.
function countGoogleTests(folder) {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const { testsuites } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    for (const { testsuite } of testsuites) {
      for (const test of testsuite) {
        if (test.steps) {
          const name = `${test.classname}.${test.name}`;
          counted.push({ name, steps: Number(test.steps), seed: test.seed });
        }
        if (test.failures) {
          failed += 1;
          const texts = test.failures.map(({ failure }) => failure.replaceAll(/^/gm, '    '));
          failures.push(`${test.classname}.${test.name}\n${texts.join('\n')}`);
        } else if (test.result === 'SKIPPED' || test.status === 'NOTRUN') skipped += 1;
        else passed += 1;
      }
    }
  }
  return count(passed, failed, skipped);
}

async function runCtest() {
  const folder = join(results, 'cpp');
  mkdirSync(folder, { recursive: true });
  const env = { GTEST_OUTPUT: `json:${folder}/`, ...fullEnv };
  // The preset's own time limit suits the quick counts.
  const timeout = full ? ['--timeout', '7200'] : [];
  const failed = join(root, 'build', 'release', 'Testing', 'Temporary', 'LastTestsFailed.log');
  rmSync(failed, { force: true });
  try {
    await run('ctest', ['--preset', 'dev', '--parallel', jobs, ...timeout], { env });
  } finally {
    console.log(`GoogleTest: ${countGoogleTests(folder)}`);
    // Includes programs that crashed or timed out, and so reported nothing.
    if (existsSync(failed)) failures.push(`programs: ${readFileSync(failed, 'utf8').trim()}`);
  }
}

function testFiles(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.test\.m?js$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

async function runNodeTests(folder, options = []) {
  const files = testFiles(folder);
  if (files.length === 0) throw new CommandFailed(folder, 'no test file');
  const tap = join(results, `${folder.replaceAll('/', '-')}.tap`);
  const failed = `${tap}.failed`;
  const limit = `--test-timeout=${full ? 3_600_000 : 1_200_000}`;
  const reporters = [
    ['spec', 'stdout'],
    ['tap', tap],
    [`./${join('scripts', 'lib', 'failures-reporter.mjs')}`, failed],
  ].flatMap(([name, to]) => [`--test-reporter=${name}`, `--test-reporter-destination=${to}`]);
  try {
    await run('node', ['--test', limit, ...options, ...reporters, ...files], { env: fullEnv });
  } finally {
    const told = readFileSync(failed, 'utf8').trim();
    if (told) failures.push(told);
    const text = readFileSync(tap, 'utf8');
    for (const [, name, steps] of text.matchAll(/^ *# steps of (.+): (\d+)$/gm)) {
      counted.push({ name, steps: Number(steps) });
    }
    const number = (name) => Number(text.match(new RegExp(`^# ${name} (\\d+)$`, 'm'))?.[1] ?? 0);
    count(number('pass'), number('fail') + number('cancelled'), number('skipped') + number('todo'));
  }
}

// Most tests of the API wait for a server or a timer: four files at a time, also on two cores. The fault table shows
// times, and packaging packs this checkout: one file at a time.
const steps = [
  ['set-up', () => setUp('test')],
  ['build: C++', () => cmake('dev')],
  ['build: addon and TypeScript', buildPackage],
  ['tests: C++ (ctest)', runCtest],
  ['tests: JavaScript (node:test)', () => runNodeTests('tests/js', ['--test-concurrency=4'])],
  ['tests: faults', () => runNodeTests('tests/faults', ['--test-concurrency=1'])],
  ['tests: packaging', () => runNodeTests('tests/packaging', ['--test-concurrency=1'])],
];

const begun = performance.now();
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
let failure;
const report = [];
for (const [name, action] of steps) {
  if (failure) {
    report.push(`not run  ${name}`);
    continue;
  }
  const since = performance.now();
  const failedBefore = totals.fail;
  await step(name, action).catch((error) => {
    if (!(error instanceof CommandFailed)) throw error;
    failure = error;
    // A program that crashed or was stopped has reported nothing.
    if (totals.fail === failedBefore) count(0, 1, 0);
  });
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  report.push(`${failure ? 'FAILED ' : 'ok     '}  ${name}  (${seconds} s)`);
}

console.log(`\n${report.join('\n')}`);
if (failure) console.log(failure.message);
if (failures.length > 0) console.log(`\n== failed\n\n${failures.join('\n\n')}\n`);
const width = Math.max(0, ...counted.map(({ name }) => name.length));
for (const { name, steps: taken, seed } of counted) {
  const of = `steps of ${name.padEnd(width)}`;
  console.log(`${taken.toLocaleString('en-US').padStart(11)} ${of}  SLUICE_SEED=${seed ?? '-'}`);
}
const total = counted.reduce((sum, { steps }) => sum + steps, 0);
console.log(`${total.toLocaleString('en-US')} random steps in ${counted.length} tests`);
console.log(`# seconds ${((performance.now() - begun) / 1000).toFixed(0)}`);
for (const [name, number] of Object.entries(totals)) console.log(`# ${name} ${number}`);
process.exitCode = failure ? 1 : 0;
