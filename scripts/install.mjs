// The package's install step: nothing where a prebuilt binary loads, else a build from source.
// It never fails the installation: what is missing is printed, and loading then throws ERR_SLUICE_NATIVE.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

const say = (text) => console.log(`sluice: ${text}`);

function prebuiltLoads() {
  const file = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'sluice.node');
  if (!existsSync(file)) return false;
  try {
    require(file);
    return true;
  } catch (error) {
    say(`the prebuilt binary does not load here (${error.message.split('\n')[0]})`);
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

// In a checkout the headers are in our own node_modules; npm and pnpm put them beside us.
function headersFolder() {
  const folders = [join(root, 'node_modules'), dirname(root)];
  return folders.find((folder) => existsSync(join(folder, 'node-addon-api', 'napi.h')));
}

function build() {
  const missing = missingTools();
  if (missing.length > 0) {
    say(`cannot build from source: missing ${missing.join(', ')}`);
    return false;
  }
  // A compiler that we have not met may warn of more than ours do.
  const options = ['-DSLUICE_WERROR=OFF', `-DSLUICE_NODE_MODULES=${headersFolder()}`];
  return (
    run('cmake', ['--preset', 'release', ...options]) &&
    run('cmake', ['--build', '--preset', 'release', '--target', 'sluice_addon', '--parallel'])
  );
}

const isCheckout = existsSync(join(root, 'tests'));
if (!isCheckout && !prebuiltLoads()) {
  say(`no prebuilt binary for ${process.platform}-${process.arch}: building from source`);
  if (!build()) {
    say(
      'not built. It needs cmake, make, a C++20 compiler, libsodium, OpenSSL 3, hiredis 1.1 or newer:',
    );
    say(
      '  Debian 13, Ubuntu 24.04: apt-get install g++ cmake make libsodium-dev libssl-dev libhiredis-dev',
    );
    say('  macOS: brew install cmake libsodium openssl@3 hiredis');
    say('Then: npm rebuild sluice');
  }
}
