// npm run check: format, lint, types and words, then the tests. `--fix` formats in place; `--lint` leaves the tests out.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, jobs, root, run, setUp, step } from './lib/steps.mjs';
import { unplainLines } from './lib/words.mjs';

const fix = process.argv.includes('--fix');
const lintOnly = process.argv.includes('--lint');

/** The project's files with these endings: tracked and new ones, without ignored ones. */
function files(...endings) {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const names = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).trimEnd().split('\n');
  return names.filter((name) => endings.some((ending) => name.endsWith(ending)));
}

const clangFormat = () =>
  run('clang-format', [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...files('.h', '.cc')]);

// Every source but the benches'. Clang reads no precompiled header of GCC, so there is a preset without one.
async function clangTidy() {
  await run('cmake', ['--preset', 'lint'], { quiet: true });
  const sources = `^${root}/(native|sim|tests)/`;
  await run('run-clang-tidy', ['-quiet', '-j', jobs, '-p', 'build/lint', sources], { quiet: true });
}

const biome = () =>
  run('node', [
    join('node_modules', '@biomejs', 'biome', 'bin', 'biome'),
    'check',
    ...(fix ? ['--write'] : []),
    '.',
  ]);

const types = () =>
  run('node', [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.', '--noEmit']);

const shell = () => run('bash', ['-n', ...files('.sh'), '.ci/run']);

function words() {
  const lines = unplainLines(files(''), (name) => readFileSync(join(root, name), 'utf8'));
  if (lines.length === 0) return;
  console.error(lines.join('\n'));
  throw new CommandFailed('the check of words', `${lines.length} findings`);
}

try {
  await step('set-up', () => setUp('check'));
  await step('clang-format', clangFormat);
  await step('biome', biome);
  await step('types', types);
  await step('shell scripts', shell);
  await step('words', words);
  await step('clang-tidy', clangTidy);
  if (!lintOnly) await run('node', [join('scripts', 'run-tests.mjs')]);
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`check: ${error.message}`);
  process.exitCode = 1;
}
