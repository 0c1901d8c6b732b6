// Builds OpenSSL, hiredis and libsodium as static libraries for one target.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { jobs, run } from '../lib/steps.mjs';
import { COMPILER, LIBRARIES } from './sources.mjs';
import { stampOf } from './stamp.mjs';

// C needs no unwind tables: exceptions pass through no frame of it.
const FLAGS = [
  '-Oz -g0 -fPIC -ffunction-sections -fdata-sections -fvisibility=hidden -fno-sanitize=all',
  '-fno-asynchronous-unwind-tables -fno-unwind-tables',
].join(' ');

// A TLS 1.2 and 1.3 client needs none of these. Encrypted client keys keep DES, for old PEM files.
const WITHOUT = `
  apps docs tests shared module dso engine legacy uplink padlockeng afalgeng ktls autoload-config trace ui-console
  thread-pool default-thread-pool comp ssl3 tls1 tls1_1 dtls quic psk srp srtp sctp ct ocsp cmp cms ts rfc3779 gost
  nextprotoneg http weak-ssl-ciphers argon2 aria bf blake2 camellia cast dsa ec2m idea md4 mdc2 ml-dsa ocb rc2 rc4
  rmd160 seed siphash siv slh-dsa sm2 sm3 sm4 whirlpool`
  .trim()
  .split(/\s+/)
  .map((name) => `no-${name}`);

/** Programs that call the compiler for this target. Resolves to their folder. */
export function writeTools(folder, zig, target) {
  const tools = join(folder, 'bin');
  mkdirSync(tools, { recursive: true });
  const programs = {
    cc: `cc -target ${target}`,
    'c++': `c++ -target ${target}`,
    ar: 'ar',
    ranlib: 'ranlib',
  };
  for (const [name, words] of Object.entries(programs)) {
    // OpenSSL asks for the compiler's version, and adds AVX-512 code (1 MB) for one that it knows. AES-NI stays.
    const silent = name === 'cc' ? '[ "$*" = -v ] && exit\n' : '';
    writeFileSync(join(tools, name), `#!/bin/sh\n${silent}exec "${zig}" ${words} "$@"\n`);
    chmodSync(join(tools, name), 0o755);
  }
  return tools;
}

async function buildOpenssl(tree, source, { tools, openssl, prefix }) {
  mkdirSync(tree, { recursive: true });
  const env = Object.fromEntries(
    ['cc', 'ar', 'ranlib'].map((name) => [name.toUpperCase(), join(tools, name)]),
  );
  // The names of the folders are part of the library: no folder of this machine.
  const folders = ['--prefix=/usr/local', '--openssldir=/nonexistent'];
  const options = [openssl, ...WITHOUT, ...folders, ...FLAGS.split(' ')];
  await run('perl', [join(source, 'Configure'), ...options], { cwd: tree, env, quiet: true });
  const make = (...targets) =>
    run('make', ['-j', jobs, ...targets], { cwd: tree, env, quiet: true });
  await make('build_generated');
  await make('libcrypto.a', 'libssl.a');
  for (const name of ['libcrypto.a', 'libssl.a'])
    cpSync(join(tree, name), join(prefix, 'lib', name));
  for (const from of [source, tree]) {
    cpSync(join(from, 'include', 'openssl'), join(prefix, 'include', 'openssl'), {
      recursive: true,
    });
  }
}

async function buildHiredis(tree, source, { tools, prefix }) {
  cpSync(source, tree, { recursive: true });
  const tool = (name) => `${name.toUpperCase()}=${join(tools, name)}`;
  const args = [tool('cc'), tool('ar'), `OPTIMIZATION=${FLAGS}`, 'DEBUG_FLAGS=', 'libhiredis.a'];
  await run('make', ['-j', jobs, ...args], { cwd: tree, quiet: true });
  cpSync(join(tree, 'libhiredis.a'), join(prefix, 'lib', 'libhiredis.a'));
  mkdirSync(join(prefix, 'include', 'hiredis'), { recursive: true });
  for (const name of readdirSync(tree).filter((file) => file.endsWith('.h'))) {
    cpSync(join(tree, name), join(prefix, 'include', 'hiredis', name));
  }
}

// Debian's source has no configure script. The addon calls SipHash and SHA-256, and they need these files alone.
const SODIUM_FILES = [
  'crypto_hash/sha256/hash_sha256.c',
  'crypto_hash/sha256/cp/hash_sha256_cp.c',
  'crypto_shorthash/crypto_shorthash.c',
  'crypto_shorthash/siphash24/shorthash_siphash24.c',
  'crypto_shorthash/siphash24/ref/shorthash_siphash24_ref.c',
  'sodium/utils.c',
];

async function buildLibsodium(tree, source, { tools, prefix }) {
  const from = join(source, 'src', 'libsodium');
  mkdirSync(tree, { recursive: true });
  cpSync(join(from, 'include'), join(prefix, 'include'), { recursive: true });
  const values = {
    VERSION: '1',
    SODIUM_LIBRARY_VERSION_MAJOR: '1',
    SODIUM_LIBRARY_VERSION_MINOR: '0',
  };
  const header = readFileSync(join(from, 'include', 'sodium', 'version.h.in'), 'utf8')
    .replace(/@SODIUM_LIBRARY_MINIMAL_DEF@/, '')
    .replace(/@(\w+)@/g, (_, name) => values[name]);
  writeFileSync(join(prefix, 'include', 'sodium', 'version.h'), header);
  const objects = SODIUM_FILES.map((name) => `${name.replaceAll('/', '-')}.o`);
  const includes = [`-I${join(prefix, 'include')}`, `-I${join(prefix, 'include', 'sodium')}`];
  for (const [i, name] of SODIUM_FILES.entries()) {
    const args = [...FLAGS.split(' '), ...includes, '-c', join(from, name), '-o', objects[i]];
    await run(join(tools, 'cc'), args, { cwd: tree, quiet: true });
  }
  const library = join(prefix, 'lib', 'libsodium.a');
  await run(join(tools, 'ar'), ['rcs', library, ...objects], { cwd: tree, quiet: true });
}

const BUILDERS = { openssl: buildOpenssl, hiredis: buildHiredis, libsodium: buildLibsodium };

/** Builds the libraries that are missing or outdated in `folder`; resolves to their prefix. */
export async function libraries(folder, sourcesFolder, { tools, target, openssl, cpu }) {
  const prefix = join(folder, 'prefix');
  mkdirSync(join(prefix, 'lib'), { recursive: true });
  for (const name of LIBRARIES) {
    const source = join(sourcesFolder, name);
    const version = readFileSync(join(source, '.version'), 'utf8');
    const stamp = stampOf(
      ['scripts/prebuilds/libraries.mjs'],
      [version, COMPILER, target, openssl],
    );
    const file = join(folder, `${name}.stamp`);
    if (existsSync(file) && readFileSync(file, 'utf8') === stamp) continue;
    const tree = join(folder, name);
    rmSync(tree, { recursive: true, force: true });
    await BUILDERS[name](tree, source, { tools, openssl, cpu, prefix });
    rmSync(tree, { recursive: true });
    writeFileSync(file, stamp);
  }
  return prefix;
}
