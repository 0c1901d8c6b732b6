// The platforms of the prebuilt addons, and the rules that each addon must pass.

import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { CommandFailed } from '../lib/steps.mjs';

/** The folders of prebuilds/ that one Linux machine builds: the compiler's name and OpenSSL's name of each target. */
export const TARGETS = {
  'linux-x64': { zig: 'x86_64-linux-gnu.2.28', openssl: 'linux-x86_64', cpu: 'x86_64' },
  'linux-arm64': { zig: 'aarch64-linux-gnu.2.28', openssl: 'linux-aarch64', cpu: 'aarch64' },
  'linux-x64-musl': { zig: 'x86_64-linux-musl', openssl: 'linux-x86_64', cpu: 'x86_64' },
  'linux-arm64-musl': { zig: 'aarch64-linux-musl', openssl: 'linux-aarch64', cpu: 'aarch64' },
};

/** The names in a list such as `linux-x64,linux-arm64`, or of all targets. Throws if there is no such target. */
export function platformsOf(list) {
  if (list === 'all') return Object.keys(TARGETS);
  const names = list.split(',');
  const unknown = names.filter((name) => !Object.hasOwn(TARGETS, name));
  if (unknown.length === 0) return names;
  const known = Object.keys(TARGETS).join(', ');
  throw new CommandFailed(`unknown targets: ${unknown.join(', ')}; known: ${known}`);
}

/** Debian 12, Ubuntu 22.04, RHEL 9 and newer systems have it. */
const NEWEST_GLIBC = [2, 34];

/** The most bytes of a released binary. */
const MOST_BYTES = 4_000_000;

const readelf = (...args) =>
  execFileSync('readelf', ['-W', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });

/** The GLIBC versions that a binary needs, newest first. */
export function glibcNeeds(file) {
  const versions = [...readelf('--version-info', file).matchAll(/Name: GLIBC_(\d+)\.(\d+)/g)];
  return versions
    .map(([, major, minor]) => [Number(major), Number(minor)])
    .sort((a, b) => b[0] - a[0] || b[1] - a[1]);
}

/** The libraries that a binary needs on the system. */
export function neededLibraries(file) {
  return [...readelf('--dynamic', file).matchAll(/NEEDED.*\[(.+)\]/g)].map(([, name]) => name);
}

/** Throws if a Linux addon needs a newer glibc or another library. `released`: or is too large. */
export function checkLinuxAddon(file, { musl, released }) {
  const refuse = (reason) => {
    throw new CommandFailed(`${file} ${reason}`);
  };
  const [newest] = glibcNeeds(file);
  if (musl && newest) refuse('needs glibc, and its platform has musl');
  if (newest && (newest[0] > NEWEST_GLIBC[0] || newest[1] > NEWEST_GLIBC[1])) {
    refuse(
      `needs GLIBC_${newest.join('.')}; the newest that it may need is ${NEWEST_GLIBC.join('.')}`,
    );
  }
  const allowed = musl
    ? /^libc\.so$/
    : /^(libc|libm|libgcc_s|libdl|libpthread|librt|ld-linux.*)\.so/;
  const unexpected = neededLibraries(file).filter((name) => !allowed.test(name));
  if (unexpected.length > 0) refuse(`needs ${unexpected.join(', ')}; link it statically`);
  const { size } = statSync(file);
  if (released && size > MOST_BYTES) refuse(`has ${size} bytes; the limit is ${MOST_BYTES}`);
  if (!readFileSync(file, 'latin1').includes('napi_register_module_v1')) {
    refuse('has no entry point of Node-API');
  }
}
