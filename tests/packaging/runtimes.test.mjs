// Bun, Deno and newer versions of Node run the programs of tests/packaging/programs on the packed package.

import assert from 'node:assert/strict';
import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startRedis } from '../support/redis-server.mjs';
import { cleanEnv, installedProject, root, run, skipUnlessFull } from './support/project.mjs';

const programs = ['core', 'express', 'nestjs', 'clients', 'workers'];
const nodes = ['node 20', 'node 22', 'node 24', 'node 26'];
const host = `${process.platform}-${process.arch}`;
// docs/deployment.md names these versions of Bun and Deno.
const packages = [
  'express@5',
  'ioredis@6',
  'redis@6',
  '@nestjs/common@12',
  '@nestjs/core@12',
  '@nestjs/platform-express@12',
  'reflect-metadata@0.2',
  'rxjs@7',
  'bun@1.4',
  'deno@2.9',
  `node-20@npm:node-${host}@20`,
  `node-22@npm:node-${host}@22`,
  `node-24@npm:node-${host}@24`,
  `node-26@npm:node-${host}@26`,
];

describe('runtimes', { skip: skipUnlessFull }, () => {
  let at;
  let server;
  let runtimes;

  before(async () => {
    at = await installedProject(packages);
    server = await startRedis();
    await cp(join(root, 'tests', 'packaging', 'programs'), at.project, { recursive: true });
    const modules = join(at.project, 'node_modules');
    // Their own packages link the program in an install script; the platform's package contains it.
    const [bun] = await readdir(join(modules, '@oven'));
    const [deno] = await readdir(join(modules, '@deno'));
    runtimes = {
      ...Object.fromEntries(
        nodes.map((name) => [name, [join(modules, name.replace(' ', '-'), 'bin', 'node')]]),
      ),
      bun: [join(modules, '@oven', bun, 'bin', 'bun')],
      deno: [join(modules, '@deno', deno, 'deno'), 'run', '--allow-all'],
    };
  });
  after(async () => {
    await server?.stop();
    await at?.remove();
  });

  async function runProgram(runtime, program) {
    const [command, ...first] = runtimes[runtime];
    const PREFIX = `${runtime}-${program}`.replaceAll(' ', '-');
    const env = cleanEnv({ REDIS_URL: server.url, PREFIX, NO_COLOR: '1' });
    return run(command, [...first, `${program}.mjs`], { cwd: at.project, env });
  }

  for (const runtime of [...nodes, 'bun', 'deno']) {
    for (const program of programs) {
      test(`${runtime} runs ${program}`, async () => {
        const { status, stderr } = await runProgram(runtime, program);
        assert.equal(status, 0, stderr);
      });
    }
  }

  const overRedis = `
    import { createLimiter, redis, tokenBucket } from 'sluice';
    async function check() {
      const policies = tokenBucket({ capacity: 2, every: '1h' });
      const store = redis(process.env.REDIS_URL);
      const limiter = createLimiter({ policies, store, prefix: 'runner', deadlineMs: 60_000 });
      return (await limiter.check('k')).source;
    }`;
  const testFiles = {
    bun: `import { expect, jest, test } from 'bun:test'; ${overRedis}
      test('under fake timers', async () => {
        jest.useFakeTimers();
        expect(await check()).toBe('store');
      });`,
    deno: `import process from 'node:process'; ${overRedis}
      Deno.test('leaves nothing that Deno takes for a leak', async () => {
        if ((await check()) !== 'store') throw new Error('not from the store');
      });`,
  };
  for (const [runtime, text] of Object.entries(testFiles)) {
    test(`${runtime} test runs a check over Redis`, async () => {
      await writeFile(join(at.project, `${runtime}.test.mjs`), text);
      const [program] = runtimes[runtime];
      const args = [
        'test',
        ...(runtime === 'deno' ? ['--allow-all', '--no-check'] : []),
        `./${runtime}.test.mjs`,
      ];
      const env = cleanEnv({ REDIS_URL: server.url, NO_COLOR: '1' });
      const { status, stdout, stderr } = await run(program, args, { cwd: at.project, env });
      assert.equal(status, 0, stdout + stderr);
    });
  }

  test('deno needs --allow-ffi, and says so', async () => {
    const [path] = runtimes.deno;
    const options = { cwd: at.project, env: cleanEnv({ NO_COLOR: '1' }) };
    const allowed = await run(path, ['run', '--allow-ffi', 'limits.mjs'], options);
    assert.equal(allowed.stdout, 'true false\n', allowed.stderr);
    const refused = await run(path, ['run', '--no-prompt', 'limits.mjs'], options);
    assert.match(refused.stderr, /Deno refuses the native addon: run it with --allow-ffi/);
  });

  test('bun bundles the addon, also into one executable', async () => {
    const bun = runtimes.bun[0];
    const options = { cwd: at.project, env: cleanEnv() };
    const into = ['--target=bun', `--outdir=${join(at.folder, 'bundle')}`];
    const bundling = await run(bun, ['build', 'limits.mjs', ...into], options);
    assert.equal(bundling.status, 0, bundling.stderr);
    const bundled = await run(bun, [join(at.folder, 'bundle', 'limits.js')], { cwd: at.folder });
    assert.equal(bundled.stdout, 'true false\n', bundled.stderr);
    const file = join(at.folder, 'limits');
    await run(bun, ['build', '--compile', 'limits.mjs', `--outfile=${file}`], options);
    const compiled = await run(file, [], { cwd: at.folder });
    assert.equal(compiled.stdout, 'true false\n', compiled.stderr);
  });
});
