// npm run check: format, lint, types and words, then the tests. `--fix` formats in place; `--lint` leaves the tests out.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, cmake, jobs, root, run, setUp, step } from './lib/steps.mjs';
import { unplainLines } from './lib/words.mjs';

const fix = process.argv.includes('--fix');
const lintOnly = process.argv.includes('--lint');

/** The project's files with these endings: tracked and new ones, without ignored ones. */
function files(...endings) {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const names = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\n');
  return names.filter((name) => endings.some((ending) => name.endsWith(ending)));
}

const clangFormat = () =>
  run('clang-format', [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...files('.h', '.cc')]);

// Every compiled source: the addon by the release build's commands, the rest by the dev build's.
async function clangTidy() {
  await cmake('dev');
  await cmake('release', ['sluice_addon']);
  const tidy = (preset, folders) =>
    run(
      'run-clang-tidy',
      ['-quiet', '-j', jobs, '-p', join('build', preset), `^${root}/(${folders})/`],
      {
        quiet: true,
      },
    );
  await tidy('dev', 'native|sim|tests');
  await tidy('release', 'native/addon');
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
