// The packed package as a user gets it: its files, running it without a compiler, and its types.

import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cleanEnv, installedProject, linkTypes, root, run, succeed } from './support/project.mjs';

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
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CMakeLists\.txt|CMakePresets\.json)$/,
    /^dist\/([\w-]+\/)?[\w-]+\.(js|d\.ts)$/,
    /^js\/esm\/[\w-]+\.(mjs|d\.mts)$/,
    /^prebuilds\/[a-z0-9]+-[a-z0-9]+\/sluice\.node$/,
    /^native\/[\w/-]+\.(h|cc|lua|cmake)$/,
    /^native\/[\w/-]+\/CMakeLists\.txt$/,
    /^docs\/(adr\/)?[\w-]+\.md$/,
    /^scripts\/(install\.mjs|cmake\/\w+\.(cmake|map))$/,
  ];
  const names = await readdir(installed(), { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(installed().length + 1));
  assert.deepEqual(
    files.filter((name) => !expected.some((pattern) => pattern.test(name))),
    [],
  );
  const platform = `${process.platform}-${process.arch}`;
  for (const name of [
    'LICENSE',
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

test('without a binary, the install step says what it misses to build one', async () => {
  const bare = join(at.folder, 'bare');
  await cp(at.project, bare, { recursive: true });
  await rm(join(bare, 'node_modules/sluice/prebuilds'), { recursive: true });
  const install = join('node_modules', 'sluice', 'scripts', 'install.mjs');
  const options = { cwd: bare, env: cleanEnv({ PATH: at.path }) };
  const { status, stdout } = await run(process.execPath, [install], options);
  assert.equal(status, 0);
  assert.match(stdout, /missing cmake, make, a C\+\+20 compiler/);
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
  const install = join('node_modules', 'sluice', 'scripts', 'install.mjs');
  const env = cleanEnv({ PATH: `${tools}:${at.path}`, CXX: 'c++' });
  const { stdout } = await run(process.execPath, [install], { cwd: folder, env });
  assert.match(stdout, new RegExp(`cmake --build .* --parallel ${availableParallelism()}$`, 'm'));
});

test('with the prebuilt binary, the install step does and says nothing', async () => {
  const { status, stdout } = await node(join('node_modules', 'sluice', 'scripts', 'install.mjs'));
  assert.deepEqual([status, stdout], [0, '']);
});

test('without a binary, the install step builds one, to where file tracers look', {
  skip: !process.env.SLUICE_FULL && 'minutes long: npm run test:full',
}, async () => {
  const source = join(at.folder, 'source');
  await cp(at.project, source, { recursive: true });
  await rm(join(source, 'node_modules/sluice/prebuilds'), { recursive: true });
  const env = cleanEnv({ CMAKE_PREFIX_PATH: join(root, '.deps/usr') });
  const install = join('node_modules', 'sluice', 'scripts', 'install.mjs');
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
