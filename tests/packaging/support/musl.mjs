// Bun on musl, under qemu: no registry has a Node for musl, and Bun for musl runs Node-API addons.
//
// Its C++ library for musl is in no Debian package. Bun needs 40 symbols of it, and these objects of Debian's own
// libstdc++.a need little of glibc, which `substitutes` has.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aptOptions, KEYRING } from '../../../scripts/prebuilds/debian.mjs';
import { succeed } from './project.mjs';

const substitutes = `
  #include <stddef.h>
  __attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;
  char __libc_single_threaded = 0;
  int getentropy(void *, size_t);
  unsigned long getauxval(unsigned long);
  unsigned arc4random(void) { unsigned x; getentropy(&x, sizeof x); return x; }
  unsigned long __getauxval(unsigned long type) { return getauxval(type); }
  /* Bun throws nothing through this library. */
  int _dl_find_object(void *pc, void *out) { return -1; }
`;

const cpus = { x64: 'x86_64', arm64: 'aarch64' };
const debian = { x64: 'amd64', arm64: 'arm64' };

/** The qemu of a processor. */
export const emulatorOf = (arch) => `/usr/bin/qemu-${cpus[arch]}-static`;

/** The npm package of Bun for musl on a processor. */
export const bunPackage = (arch) => `@oven/bun-linux-${arch === 'x64' ? 'x64' : 'aarch64'}-musl`;

// musl's loader and GCC's static libraries, as Debian 12 has them.
async function unpackDebian(folder, arch) {
  const from = [['deb', 'bookworm', 'debian']];
  const options = aptOptions(join(folder, 'apt'), from, debian[arch]);
  await succeed('apt-get', [...options, 'update'], { cwd: folder });
  const packages = ['musl', 'libstdc++-12-dev', 'libgcc-12-dev'];
  await succeed('apt-get', [...options, 'download', ...packages], { cwd: folder });
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
    await succeed('dpkg', ['-x', file, '.'], { cwd: folder });
  }
}

/** Makes a root folder for qemu in `folder`; resolves to its path. `zig`: the compiler of `npm run prebuilds`. */
export async function muslRoot(folder, arch, bun, zig) {
  mkdirSync(folder, { recursive: true });
  await unpackDebian(folder, arch);
  const root = join(folder, 'root');
  mkdirSync(join(root, 'lib'), { recursive: true });
  const loader = `ld-musl-${cpus[arch]}.so.1`;
  // On x64 it is a link to the library.
  cpSync(join(folder, 'lib', loader), join(root, 'lib', loader), { dereference: true });
  const symbols = execFileSync('readelf', ['-W', '--dyn-syms', bun], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const own = /^(__cxa_finalize|__cxa_thread_atexit_impl)$/;
  const named = [...symbols.matchAll(/ UND (_Z\w+|__cxa\w+|__dynamic_cast|__once_proxy)/g)]
    .map(([, name]) => name)
    .filter((name) => !own.test(name));
  // Bun copies these, so its table does not call them undefined.
  const types = ['21__vmi_class_type_info', '20__si_class_type_info', '17__class_type_info'];
  const wanted = [...named, ...types.map((name) => `_ZTVN10__cxxabiv1${name}E`)];
  writeFileSync(join(folder, 'substitutes.c'), substitutes);
  const gcc = join(folder, 'usr/lib/gcc', `${cpus[arch]}-linux-gnu`, '12');
  const archives = ['libstdc++.a', 'libgcc_eh.a', 'libgcc.a'].map((name) => join(gcc, name));
  const args = [
    'cc',
    '-target',
    `${cpus[arch]}-linux-musl`,
    '-O1',
    '-fPIC',
    '-shared',
    '-nostdlib',
  ];
  const linking = ['-Wl,-soname,libstdc++.so.6', '-Wl,--gc-sections'];
  const needs = wanted.map((name) => `-Wl,-u,${name}`);
  const output = ['-o', join(root, 'lib', 'libstdc++.so.6')];
  const inputs = [join(folder, 'substitutes.c'), ...archives];
  await succeed(zig, [...args, ...linking, ...output, ...needs, ...inputs], { cwd: folder });
  return root;
}

/** The missing tools of these tests, as a reason to skip them; else false. */
export const skipWithoutQemu = (arch) =>
  ![emulatorOf(arch), KEYRING].every(existsSync) &&
  'needs qemu-user-static and debian-archive-keyring';
