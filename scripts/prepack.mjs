// Before `npm pack`: builds the package, checks the addon for old systems, and puts it into prebuilds/.
// After it (--undo): removes prebuilds/, so that a checkout never loads an outdated binary.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage, CommandFailed, root, setUp } from './lib/steps.mjs';

// Debian 12, Ubuntu 22.04 and other systems of the last years have it.
const newestGlibc = [2, 34];

/** The GLIBC versions that a binary needs, newest first, each with a symbol that needs it. */
function glibcNeeds(file) {
  const table = execFileSync('objdump', ['-T', file], { encoding: 'utf8' });
  const needs = [...table.matchAll(/\(?GLIBC_(\d+)\.(\d+)[.\d]*\)?\s+(\S+)$/gm)];
  return needs
    .map(([, major, minor, symbol]) => ({ version: [Number(major), Number(minor)], symbol }))
    .sort((a, b) => b.version[0] - a.version[0] || b.version[1] - a.version[1]);
}

function checkLinuxBinary(file) {
  const [newest] = glibcNeeds(file);
  const [major, minor] = newest.version;
  if (major > newestGlibc[0] || (major === newestGlibc[0] && minor > newestGlibc[1])) {
    const allowed = newestGlibc.join('.');
    throw new CommandFailed(
      file,
      `a need for GLIBC_${major}.${minor} (${newest.symbol}); ${allowed} is allowed`,
    );
  }
  const libraries = execFileSync('objdump', ['-p', file], { encoding: 'utf8' });
  const unexpected = [...libraries.matchAll(/^ +NEEDED +(\S+)$/gm)]
    .map(([, name]) => name)
    .filter((name) => !/^(libc|libm|libgcc_s|ld-linux.*)\.so/.test(name));
  if (unexpected.length > 0) throw new CommandFailed(file, `a need for ${unexpected.join(', ')}`);
}

async function prepack() {
  await setUp('demo');
  rmSync(join(root, 'dist'), { recursive: true, force: true }); // without files from before a rename
  await buildPackage();
  const built = join(root, 'build/release/native/addon/sluice.node');
  if (process.platform === 'linux') checkLinuxBinary(built);
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(built, join(folder, 'sluice.node'));
}

try {
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  if (!process.argv.includes('--undo')) await prepack();
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`prepack: ${error.message}`);
  process.exitCode = 1;
}
