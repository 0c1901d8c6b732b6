// The package's install step: does nothing if a prebuilt binary loads, else builds from source.
// It never fails the installation: it prints what is missing, and loading then throws ERR_SLUICE_NATIVE.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

const platform = `${process.platform}-${process.arch}`;
const binary = join(root, 'prebuilds', platform, 'sluice.node');

const BUILD = ['--build', '--preset', 'release', '--target', 'sluice_addon'];

const say = (text) => console.log(`sluice: ${text}`);

function loads(file) {
  if (!existsSync(file)) return false;
  try {
    require(file);
    return true;
  } catch (error) {
    say(`the binary does not load here (${error.message.split('\n')[0]})`);
    return false;
  }
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

function missingTools() {
  const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  return [
    ['cmake', 'cmake'],
    ['make', 'make'],
    [process.env.CXX ?? 'c++', 'a C++20 compiler (g++ 11, clang 16 or newer)'],
  ]
    .filter(([command]) => !works(command))
    .map(([, name]) => name);
}

// The node_modules folder that has the headers: package managers put it at any level above the package.
function headersFolder() {
  return dirname(dirname(require.resolve('node-addon-api/package.json')));
}

function build() {
  const missing = missingTools();
  if (missing.length > 0) {
    say(`cannot build from source: missing ${missing.join(', ')}`);
    return false;
  }
  // Unknown compilers may warn more than ours.
  const options = ['-DSLUICE_WERROR=OFF', `-DSLUICE_NODE_MODULES=${headersFolder()}`];
  const built = join(root, 'build', 'release', 'native', 'addon', 'sluice.node');
  if (
    !run('cmake', ['--preset', 'release', ...options]) ||
    // Without a number, make starts one compiler for every file at once.
    !run('cmake', [...BUILD, '--parallel', String(availableParallelism())]) ||
    !loads(built)
  ) {
    return false;
  }
  // js/native.ts and file tracers look here. A package manager may have linked the old file to its cache, so replace
  // it instead of writing into it.
  mkdirSync(dirname(binary), { recursive: true });
  copyFileSync(built, `${binary}.new`);
  renameSync(`${binary}.new`, binary);
  return true;
}

const isCheckout = existsSync(join(root, 'tests'));
if (!isCheckout && !loads(binary)) {
  say(`no usable binary for ${platform}: building from source`);
  if (!build()) {
    say(
      'not built. It needs cmake, make, a C++20 compiler, libsodium, OpenSSL 3, hiredis 1.1 or newer:',
    );
    say(
      '  Debian 13, Ubuntu 24.04: apt-get install g++ cmake make libsodium-dev libssl-dev libhiredis-dev',
    );
    say('  macOS: brew install cmake libsodium openssl@3 hiredis');
    say(`Then: node ${JSON.stringify(fileURLToPath(import.meta.url))}`);
  }
}
