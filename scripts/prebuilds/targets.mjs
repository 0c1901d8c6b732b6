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
  const [newest] = glibcNeeds(file);
  if (musl && newest) throw new CommandFailed(file, 'a need for glibc, on a system with musl');
  if (newest && (newest[0] > NEWEST_GLIBC[0] || newest[1] > NEWEST_GLIBC[1])) {
    throw new CommandFailed(
      file,
      `a need for GLIBC_${newest.join('.')}; ${NEWEST_GLIBC.join('.')} is allowed`,
    );
  }
  const allowed = musl
    ? /^libc\.so$/
    : /^(libc|libm|libgcc_s|libdl|libpthread|librt|ld-linux.*)\.so/;
  const unexpected = neededLibraries(file).filter((name) => !allowed.test(name));
  if (unexpected.length > 0) throw new CommandFailed(file, `a need for ${unexpected.join(', ')}`);
  const { size } = statSync(file);
  if (released && size > MOST_BYTES) {
    throw new CommandFailed(file, `${size} bytes; ${MOST_BYTES} are allowed`);
  }
  if (!readFileSync(file, 'latin1').includes('napi_register_module_v1')) {
    throw new CommandFailed(file, 'no entry point of Node-API');
  }
}
