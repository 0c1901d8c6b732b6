#!/usr/bin/env node
// npx sluice-build: does nothing if the binary of this platform loads, else builds it from source.
//
// Exit code 1 if there is no binary in the end; 0 all the same with SLUICE_OPTIONAL=1.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostPlatform } from './platform.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

const platform = hostPlatform();
const binary = join(root, 'prebuilds', platform, 'sluice.node');

const BUILD = ['--build', '--preset', 'release', '--target', 'sluice_addon'];

// The packages that a build needs, by the program that installs them.
const PACKAGES = [
  ['apt-get', 'apt-get install g++ cmake make libsodium-dev libssl-dev libhiredis-dev'],
  ['apk', 'apk add g++ cmake make linux-headers libsodium-dev openssl-dev hiredis-dev'],
  ['dnf', 'dnf install gcc-c++ cmake make libsodium-devel openssl-devel hiredis-devel'],
  ['brew', 'brew install cmake make libsodium openssl@3 hiredis'],
];

const say = (text) => console.log(`sluice: ${text}`);

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

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
  // js/platforms and file tracers look here. A package manager may have linked the old file to its cache, so replace
  // it instead of writing into it.
  mkdirSync(dirname(binary), { recursive: true });
  copyFileSync(built, `${binary}.new`);
  renameSync(`${binary}.new`, binary);
  return true;
}

// The line of this system; all of them if it has none of the programs.
function packageLines() {
  const here = PACKAGES.filter(([program]) => works(program));
  return (here.length > 0 ? here : PACKAGES).map(([, line]) => line);
}

if (!loads(binary)) {
  say(`no usable binary for ${platform}: building from source`);
  if (!build()) {
    say(
      'not built. It needs cmake, make, a C++20 compiler, libsodium, OpenSSL 3, hiredis 1.1 or newer:',
    );
    for (const line of packageLines()) say(`  ${line}`);
    say(`Then: node ${JSON.stringify(fileURLToPath(import.meta.url))}`);
    if (process.env.SLUICE_OPTIONAL === '1') say('SLUICE_OPTIONAL=1: continuing without it');
    else process.exitCode = 1;
  }
}
