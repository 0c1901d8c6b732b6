// The packed package as a user gets it: its files, running it without a compiler, and its types.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { NOTICES } from '../../scripts/notices.mjs';
import { hostPlatform } from '../../scripts/platform.mjs';
import {
  cleanEnv,
  installedProject,
  linkTypes,
  root,
  run,
  runNpm,
  skipUnlessFull,
  succeed,
} from './support/project.mjs';

let at;
before(async () => {
  at = await installedProject();
});
after(() => at?.remove());

const installed = () => join(at.project, 'node_modules', 'sluice');
const node = (...args) =>
  run(process.execPath, args, { cwd: at.project, env: cleanEnv({ PATH: at.path }) });

test('the tarball holds what runs, what builds from source, and nothing else', async () => {
  const expected = [
    /^(package\.json|README\.md|LICENSE|THIRD_PARTY_NOTICES|CHANGELOG\.md|CMakeLists\.txt|CMakePresets\.json)$/,
    /^dist\/([\w-]+\/){0,2}[\w-]+\.(js|d\.ts)$/,
    /^js\/esm\/[\w-]+\.(mjs|d\.mts)$/,
    /^prebuilds\/[a-z0-9]+(-[a-z0-9]+)+\/sluice\.node$/,
    /^native\/[\w/-]+\.(h|cc|lua|cmake)$/,
    /^native\/[\w/-]+\/CMakeLists\.txt$/,
    /^docs\/(adr\/|api\/([\w-]+\/){0,2})?[\w-]+\.md$/,
    /^scripts\/((platform|sluice-build)\.mjs|cmake\/\w+\.(cmake|map))$/,
  ];
  const names = await readdir(installed(), { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(installed().length + 1));
  assert.deepEqual(
    files.filter((name) => !expected.some((pattern) => pattern.test(name))),
    [],
  );
  const platform = hostPlatform();
  for (const name of [
    'LICENSE',
    'THIRD_PARTY_NOTICES',
    'README.md',
    'docs/redis.md',
    `prebuilds/${platform}/sluice.node`,
  ]) {
    assert.ok(files.includes(name), `${name} is missing`);
  }
});

test('no file of the tarball names a folder of the machine that packed it', async () => {
  const names = await readdir(installed(), { recursive: true, withFileTypes: true });
  for (const entry of names.filter((name) => name.isFile())) {
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const bytes = await readFile(file, 'latin1');
    for (const folder of [root, `${homedir()}/`].filter((name) => name.length > 3)) {
      assert.ok(!bytes.includes(folder), `${file} contains ${folder}`);
    }
  }
});

test('packing leaves no prebuilt binary behind that a checkout would load when it is old', async () => {
  assert.ok(!(await readdir(root)).includes('prebuilds'));
});

const app = `
  const app = express();
  app.use(rateLimit({ policies: tokenBucket({ capacity: 2, refill: 1, every: '1h' }) }));
  app.get('/', (request, response) => response.send('hello'));
  const server = app.listen(0, '127.0.0.1', async () => {
    const answers = [];
    for (let i = 0; i < 3; i += 1) {
      const response = await fetch('http://127.0.0.1:' + server.address().port);
      answers.push([response.status, response.headers.get('ratelimit')]);
      await response.text();
    }
    server.close();
    server.closeAllConnections();
    console.log(JSON.stringify(answers));
  });
`;

async function limitsExpress(file, source) {
  await writeFile(join(at.project, file), source + app);
  const { status, stdout, stderr } = await node(file);
  assert.equal(status, 0, stderr);
  const answers = JSON.parse(stdout);
  assert.deepEqual(
    answers.map(([code]) => code),
    [200, 200, 429],
  );
  assert.deepEqual(
    answers.map(([, header]) => header?.match(/r=(\d+)/)?.[1]),
    ['1', '0', '0'],
  );
}

test('import limits an Express app, with no compiler on the PATH', () =>
  limitsExpress(
    'app.mjs',
    `import express from 'express';
     import { tokenBucket } from 'sluice';
     import { rateLimit } from 'sluice/express';`,
  ));

test('require limits an Express app, with no compiler on the PATH', () =>
  limitsExpress(
    'app.cjs',
    `const express = require('express');
     const { tokenBucket } = require('sluice');
     const rateLimit = require('sluice/express');`,
  ));

test('import and require give the same things: each class exists once', async () => {
  await writeFile(
    join(at.project, 'same.mjs'),
    `import { createRequire } from 'node:module';
     import assert from 'node:assert/strict';
     const require = createRequire(import.meta.url);
     for (const entry of ['', '/testing', '/express', '/express-rate-limit', '/nestjs-throttler'].map((e) => 'sluice' + e)) {
       const [imported, required] = [await import(entry), require(entry)];
       for (const name of Object.keys(required)) {
         if (name !== 'default') assert.equal(imported[name], required[name], entry + ': ' + name);
       }
     }
     const middleware = require('sluice/express');
     assert.equal(typeof middleware, 'function');
     assert.equal((await import('sluice/express')).default, middleware);`,
  );
  const { status, stderr } = await node('same.mjs');
  assert.equal(status, 0, stderr);
});

test('no package manager runs a script, or warns of one, when it installs the package', async () => {
  const { scripts } = JSON.parse(await readFile(join(installed(), 'package.json'), 'utf8'));
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.equal(scripts[name], undefined, name);
  }
  const lock = JSON.parse(await readFile(join(at.project, 'package-lock.json'), 'utf8'));
  assert.equal(lock.packages['node_modules/sluice'].hasInstallScript, undefined);
});

test('the notices have the licence of each project that the addon contains', async () => {
  const text = await readFile(join(installed(), 'THIRD_PARTY_NOTICES'), 'utf8');
  for (const { name, title, licence } of NOTICES) {
    assert.ok(text.includes(`${title}: `) && text.includes(`Licence: ${licence}\n`), name);
    const kept = await readFile(join(root, 'scripts', 'notices', `${name}.txt`), 'utf8');
    assert.ok(text.includes(kept.trim()), name);
  }
  // Each library that CMake links has a notice.
  const linked = ['native/redis/io', 'native/redis/wire', 'native/store'];
  const lists = await Promise.all(
    linked.map((folder) => readFile(join(root, folder, 'CMakeLists.txt'), 'utf8')),
  );
  const found = lists.join('').matchAll(/find_library\((\w+?)(?:_SSL|_CRYPTO)?_LIBRARY/g);
  const names = new Set([...found].map(([, name]) => name.toLowerCase()));
  assert.deepEqual([...names].sort(), ['hiredis', 'openssl', 'sodium']);
  for (const name of names)
    assert.ok(
      NOTICES.some((notice) => notice.name.includes(name)),
      name,
    );
});

test('the notices are the licence files of the sources', async () => {
  for (const { name, file } of NOTICES) {
    if (!file) continue;
    const path = join(root, file.startsWith('node_modules') ? file : join('build/prebuilds', file));
    // Only `npm run prebuilds` fetches some of them.
    if (!existsSync(path)) continue;
    const kept = await readFile(join(root, 'scripts', 'notices', `${name}.txt`), 'utf8');
    assert.equal(kept, await readFile(path, 'utf8'), name);
  }
});

// Without a binary: a copy of the project, and the programs that sluice-build finds there.
async function buildWithout(name, programs, env = {}) {
  const bare = join(at.folder, name);
  await cp(at.project, bare, { recursive: true });
  await rm(join(bare, 'node_modules/sluice/prebuilds'), { recursive: true });
  const tools = join(bare, 'tools');
  await mkdir(tools);
  for (const program of programs) {
    await writeFile(join(tools, program), '#!/bin/sh\necho "$0 $*"\n', { mode: 0o755 });
  }
  const script = join('node_modules', 'sluice', 'scripts', 'sluice-build.mjs');
  const path = `${tools}:${at.path}`;
  return run(process.execPath, [script], { cwd: bare, env: cleanEnv({ PATH: path, ...env }) });
}

const systems = [
  ['apt-get', /apt-get install g\+\+ cmake make libsodium-dev libssl-dev libhiredis-dev\n/],
  ['apk', /apk add g\+\+ cmake make .*libsodium-dev openssl-dev hiredis-dev\n/],
  ['dnf', /dnf install gcc-c\+\+ cmake make libsodium-devel openssl-devel hiredis-devel\n/],
  ['brew', /brew install cmake make libsodium openssl@3 hiredis\n/],
];
for (const [program, line] of systems) {
  test(`without a binary and a compiler, sluice-build fails with the line for ${program}`, async () => {
    const { status, stdout } = await buildWithout(`bare-${program}`, [program]);
    assert.equal(status, 1);
    assert.match(stdout, /missing cmake, make, a C\+\+20 compiler/);
    assert.match(stdout, line);
    assert.equal(systems.filter(([, other]) => other.test(stdout)).length, 1, stdout);
  });
}

test('SLUICE_OPTIONAL=1 lets sluice-build end without a binary', async () => {
  const { status, stdout } = await buildWithout('optional', [], { SLUICE_OPTIONAL: '1' });
  assert.equal(status, 0);
  assert.match(stdout, /not built/);
});

test('a build from source runs no more compilers at once than there are cores', async () => {
  const folder = join(at.folder, 'limited');
  await cp(at.project, folder, { recursive: true });
  await rm(join(folder, 'node_modules/sluice/prebuilds'), { recursive: true });
  const tools = join(folder, 'tools');
  await mkdir(tools);
  for (const name of ['cmake', 'make', 'c++']) {
    await writeFile(join(tools, name), '#!/bin/sh\necho "$0 $*"\n', { mode: 0o755 });
  }
  const install = join('node_modules', 'sluice', 'scripts', 'sluice-build.mjs');
  const env = cleanEnv({ PATH: `${tools}:${at.path}`, CXX: 'c++' });
  const { stdout } = await run(process.execPath, [install], { cwd: folder, env });
  assert.match(stdout, new RegExp(`cmake --build .* --parallel ${availableParallelism()}$`, 'm'));
});

test('with the prebuilt binary, sluice-build does and says nothing', async () => {
  const { status, stdout } = await node(
    join('node_modules', 'sluice', 'scripts', 'sluice-build.mjs'),
  );
  assert.deepEqual([status, stdout], [0, '']);
});

test('without a binary, sluice-build builds one, to where file tracers look', {
  skip: !process.env.SLUICE_FULL && 'minutes long: npm run test:full',
}, async () => {
  const source = join(at.folder, 'source');
  await cp(at.project, source, { recursive: true });
  await rm(join(source, 'node_modules/sluice/prebuilds'), { recursive: true });
  const env = cleanEnv({ CMAKE_PREFIX_PATH: join(root, '.deps/usr') });
  const install = join('node_modules', 'sluice', 'scripts', 'sluice-build.mjs');
  await succeed(process.execPath, [install], { cwd: source, env, timeout: 1_800_000 });
  await rm(join(source, 'node_modules/sluice/build'), { recursive: true });
  const limits = join(root, 'tests', 'packaging', 'programs', 'limits.mjs');
  await cp(limits, join(source, 'limits.mjs'));
  const { stdout } = await succeed(process.execPath, ['limits.mjs'], { cwd: source, env });
  assert.equal(stdout, 'true false\n');
});

// The same program for each way in which projects resolve types; its last call must not compile.
const consumer = `
  import { createLimiter, memory, tokenBucket, type Decision } from 'sluice';
  import { manualClock } from 'sluice/testing';

  export async function use(): Promise<number> {
    const clock = manualClock();
    const limiter = createLimiter({
      policies: { burst: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) },
      store: memory({ clock }),
    });
    clock.advance('1s');
    const decision: Decision = await limiter.check('user:42', { cost: 3 });
    await limiter.close();
    return decision.retryAfterMs;
  }
`;
const esmExpress = `
  import rateLimit, { rateLimit as named } from 'sluice/express';
  rateLimit({ policies: tokenBucket({ capacity: 1, refill: 1, every: '1s' }) });
  named({ policies: tokenBucket({ capacity: 1, refill: 1, every: '1s' }) });
`;
const cjsExpress = `
  import rateLimit = require('sluice/express');
  rateLimit({ policies: tokenBucket({ capacity: 1, refill: 1, every: '1s' }) });
`;
const wrong = `
  // @ts-expect-error: a capacity is a number
  createLimiter({ policies: tokenBucket({ capacity: 'many', refill: 1, every: '1s' }) });
`;

const programs = { mts: consumer + esmExpress + wrong, cts: consumer + cjsExpress + wrong };
const resolutions = [
  // The declarations themselves are checked once; that takes most of the time.
  ['node16', ['mts', 'cts'], { module: 'node16', skipLibCheck: false }],
  ['nodenext', ['mts', 'cts'], { module: 'nodenext' }],
  ['bundler', ['mts'], { module: 'esnext', moduleResolution: 'bundler' }],
  ['old', ['cts'], { module: 'commonjs', moduleResolution: 'node10' }],
];

for (const [name, kinds, options] of resolutions) {
  test(`types resolve: ${name}`, async () => {
    await linkTypes(at.project);
    const shared = { strict: true, noEmit: true, target: 'es2022', skipLibCheck: true };
    const compilerOptions = { ...shared, types: ['node'], ...options };
    const files = kinds.map((kind) => `${name}.${kind}`);
    const config = join(at.project, `tsconfig.${name}.json`);
    await writeFile(config, JSON.stringify({ compilerOptions, files }));
    for (const kind of kinds) await writeFile(join(at.project, `${name}.${kind}`), programs[kind]);
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status, stdout } = await run(process.execPath, [tsc, '-p', config]);
    assert.equal(status, 0, stdout);
  });
}

// Each release that changed how types resolve, and the newest.
for (const version of ['5.0', '5.2', '5.5', '5.8', '5.9', 'latest']) {
  test(`types compile with TypeScript ${version}`, { skip: skipUnlessFull }, async () => {
    await linkTypes(at.project);
    const folder = join(at.folder, `typescript-${version}`);
    await mkdir(folder);
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
    const options = ['--prefer-offline', '--no-audit', '--no-fund'];
    await runNpm(['install', ...options, `typescript@${version}`], {
      cwd: folder,
      env: cleanEnv(),
    });
    const { version: exact } = JSON.parse(
      await readFile(join(folder, 'node_modules/typescript/package.json'), 'utf8'),
    );
    for (const kind of ['mts', 'cts']) {
      await writeFile(join(at.project, `at-${version}.${kind}`), programs[kind]);
    }
    // The types of Node need a newer TypeScript than 5.0; these programs use none of them.
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      skipLibCheck: true,
      module: 'nodenext',
      types: [],
    };
    const files = ['mts', 'cts'].map((kind) => `at-${version}.${kind}`);
    const config = join(at.project, `tsconfig.at-${version}.json`);
    await writeFile(config, JSON.stringify({ compilerOptions, files }));
    const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status, stdout } = await run(process.execPath, [tsc, '-p', config]);
    assert.equal(status, 0, `${exact}: ${stdout}`);
  });
}
