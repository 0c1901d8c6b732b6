// npm run coverage: shows the share of lines that the C++ tests run, in native/ and in the Redis script, and
// the lines that they miss. Ends with 1 if a line of the core or of the script never runs.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { countsIn, luaFiles, originsOf } from './coverage/lua-lines.mjs';
import { CommandFailed, cmake, root, run, setUp, step } from './lib/steps.mjs';

const build = join(root, 'build', 'coverage');
const logs = join(build, 'lua-logs');
const tracefile = join(build, 'lines.json');
const script = join(root, 'native', 'redis', 'scripts', 'check.lua');
const folders = ['core', 'store', 'redis', 'limiter'];
const COMPLETE = ['native/core', 'native/redis/scripts'];

// The possible places of a source with such compiler notes: the project's, or made by the build.
function sourcesOf(notes) {
  const source = notes.replace(/\.gcno$/, '').replace(/CMakeFiles\/[^/]+\.dir\//, '');
  const path = source.replaceAll('__/', '../');
  return [join(root, path), join(build, path)];
}

async function runTests() {
  for (const name of readdirSync(build, { recursive: true })) {
    const stale = name.endsWith('.gcno') && !sourcesOf(name).some(existsSync);
    if (stale || name.endsWith('.gcda')) rmSync(join(build, name));
  }
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs);
  await run('ctest', ['--preset', 'coverage'], { env: { SLUICE_LUA_LOGS: logs } });
}

// gcovr reads GCC's counts; its own dependencies may be in .deps too.
async function gcovr() {
  const python = join(root, '.deps', 'usr', 'lib', 'python3', 'dist-packages');
  await run(
    'gcovr',
    [
      ...['--root', '.', '--filter', `native/(${folders.join('|')})/`, '--object-directory', build],
      ...['--json', tracefile, '--html-details', join(build, 'lines.html')],
    ],
    { env: { PYTHONPATH: [python, process.env.PYTHONPATH].filter(Boolean).join(':') } },
  );
}

function cppFiles() {
  const { files } = JSON.parse(readFileSync(tracefile, 'utf8'));
  return files.map(({ file, lines }) => ({
    file,
    lines: lines
      .filter((line) => !line['gcovr/noncode'])
      .map((line) => ({ number: line.line_number, count: line.count })),
  }));
}

function scriptFiles() {
  const { text, probed } = JSON.parse(
    readFileSync(join(build, 'native', 'redis', 'wire', 'lua-lines.json'), 'utf8'),
  );
  const origins = originsOf(script);
  return luaFiles({ text, probed, counts: countsIn(logs), origins }).map(({ file, lines }) => ({
    file: relative(root, file),
    lines,
  }));
}

/** "3, 7-9": runs of lines that never run. Lines without code do not end a run. */
function ranges(lines) {
  const found = [];
  let open;
  for (const { number, count } of lines) {
    if (count > 0) {
      open = undefined;
    } else if (open) {
      open.last = number;
    } else {
      open = { first: number, last: number };
      found.push(open);
    }
  }
  return found.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(', ');
}

const ran = (lines) => lines.filter(({ count }) => count > 0).length;
// Rounded down: 100 % means all.
const percent = (lines) => `${Math.floor((ran(lines) * 1000) / lines.length) / 10} %`;

function print(files) {
  const row = (name, lines, missing) =>
    console.log(
      `${name.padEnd(50)} ${String(lines.length).padStart(5)} ${percent(lines).padStart(7)}  ${missing}`.trimEnd(),
    );
  console.log(`${'lines that tests run'.padEnd(50)} lines     run  not run`);
  for (const folder of [...folders.map((name) => `native/${name}`), 'native/redis/scripts']) {
    const own = files.filter(({ file }) => folderOf(file) === folder);
    if (own.length === 0) continue;
    console.log('');
    for (const { file, lines } of own) row(file, lines, ranges(lines));
    row(
      `= ${folder}`,
      own.flatMap(({ lines }) => lines),
      '',
    );
  }
}

function folderOf(file) {
  if (file.startsWith('native/redis/scripts')) return 'native/redis/scripts';
  return file.split('/').slice(0, 2).join('/');
}

try {
  await step('set-up', () => setUp('coverage'));
  await step('build', () => cmake('coverage'));
  await step('tests', runTests);
  await step('lines', gcovr);
  const files = [...cppFiles(), ...scriptFiles()];
  print(files);
  writeFileSync(join(build, 'coverage.json'), `${JSON.stringify(files)}\n`);
  console.log('\nLine by line: build/coverage/lines.html');
  for (const folder of COMPLETE) {
    const lines = files.filter(({ file }) => folderOf(file) === folder).flatMap((f) => f.lines);
    const missing = lines.length - ran(lines);
    console.log(
      `${folder}: ${missing === 0 ? 'every line is run' : `${missing} lines are never run`}`,
    );
    if (missing > 0 || lines.length === 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`coverage: ${error.message}`);
  process.exitCode = 1;
}
