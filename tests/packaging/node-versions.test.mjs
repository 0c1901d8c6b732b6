// Empty projects on each supported version of Node, which alone is on the PATH: install, check types, limit a request.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cleanEnv, pack, run, runNpm, skipUnlessFull, succeed } from './support/project.mjs';

const VERSIONS = [20, 22, 24, 26];
const packages = ['express@5', '@types/express@5', '@types/node@20', 'typescript@5.9'];

// The program of npm itself, for another Node to run.
const npmProgram = () =>
  process.env.npm_execpath?.endsWith('.js')
    ? process.env.npm_execpath
    : realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim());

const app = (number) => `
  const app = express();
  app.use(rateLimit({ policies: tokenBucket({ capacity: 2, every: '1h' }) }));
  app.get('/', (_request, response) => { response.send('hello'); });
  const server = app.listen(0, '127.0.0.1', async () => {
    const { port } = server.address()${number};
    const statuses = [];
    for (let i = 0; i < 3; i += 1) {
      const response = await fetch('http://127.0.0.1:' + port);
      statuses.push(response.status);
      await response.text();
    }
    server.close();
    server.closeAllConnections();
    console.log(statuses.join(' '));
  });
`;
const imports = `
  import express from 'express';
  import { tokenBucket } from 'sluice';
  import { rateLimit } from 'sluice/express';
`;
const requires = imports.replaceAll(/import (.*) from (.*);/g, 'const $1 = require($2);');
const typedRequires = `
  import express = require('express');
  import sluice = require('sluice');
  import { rateLimit } from 'sluice/express';
  const { tokenBucket } = sluice;
`;
const wrong = `
  // @ts-expect-error: a capacity is a number
  tokenBucket({ capacity: 'many', every: '1s' });
`;
const port = ' as { port: number }';
const files = {
  'js.mjs': imports + app(''),
  'js.cjs': requires + app(''),
  'ts.mts': `${imports}${app(port)}export function unused() {${wrong}}`,
  'ts.cts': `${typedRequires}${app(port)}export function unused() {${wrong}}`,
  'limits.mjs': `
    import { createLimiter, tokenBucket } from 'sluice';
    const limiter = createLimiter({ policies: tokenBucket({ capacity: 1, every: '1h' }) });
    console.log(limiter.checkSync('a').allowed, limiter.checkSync('a').allowed);`,
};

describe('empty projects', { skip: skipUnlessFull }, () => {
  let folder;
  let tarball;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-nodes-'));
    tarball = await pack(folder);
    const nodes = join(folder, 'nodes');
    await mkdir(nodes);
    await writeFile(join(nodes, 'package.json'), '{ "private": true }\n');
    const host = `${process.platform}-${process.arch}`;
    const aliases = VERSIONS.map((version) => `node-${version}@npm:node-${host}@${version}`);
    await runNpm(['install', '--no-audit', '--no-fund', '--prefer-offline', ...aliases], {
      cwd: nodes,
      env: cleanEnv(),
    });
  });
  after(() => folder && rm(folder, { recursive: true, force: true }));

  for (const version of VERSIONS) {
    describe(`Node ${version}`, () => {
      let project;
      let program;
      let env;
      before(async () => {
        program = join(folder, 'nodes', 'node_modules', `node-${version}`, 'bin', 'node');
        project = join(folder, `project-${version}`);
        const path = join(folder, `path-${version}`);
        await mkdir(project);
        await mkdir(path);
        await symlink(program, join(path, 'node'));
        env = cleanEnv({ PATH: path, NO_COLOR: '1' });
        await writeFile(join(project, 'package.json'), '{ "private": true }\n');
        for (const [name, text] of Object.entries(files)) {
          await writeFile(join(project, name), text);
        }
      });
      const node = (...args) => run(program, args, { cwd: project, env });

      test('installs without a script or a warning', async () => {
        const { stdout } = await node('--version');
        assert.match(stdout, new RegExp(`^v${version}\\.`));
        const options = ['--no-audit', '--no-fund', '--prefer-offline'];
        const args = [npmProgram(), 'install', ...options, tarball, ...packages];
        const installing = { cwd: project, env };
        const { stderr } = await succeed(program, args, installing);
        assert.doesNotMatch(stderr, /warn/i);
      });

      for (const file of ['js.mjs', 'js.cjs']) {
        test(`${file} limits a request`, async () => {
          const { stdout, stderr } = await node(file);
          assert.equal(stdout, '200 200 429\n', stderr);
        });
      }

      test('ts.mts and ts.cts compile, and limit a request', async () => {
        const options = ['--strict', '--target', 'es2022', '--module', 'nodenext'];
        const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
        const { status, stdout } = await node(
          tsc,
          ...options,
          '--types',
          'node',
          'ts.mts',
          'ts.cts',
        );
        assert.equal(status, 0, stdout);
        for (const file of ['ts.mjs', 'ts.cjs']) {
          const { stdout, stderr } = await node(file);
          assert.equal(stdout, '200 200 429\n', stderr);
        }
      });

      test('a flag that refuses the addon is named, and the flag that permits it works', async () => {
        const { stderr } = await node('--no-addons', 'limits.mjs');
        assert.match(stderr, /without --no-addons/);
        assert.match(stderr, /code: 'ERR_SLUICE_NATIVE'/);
        const permission = version === 20 ? '--experimental-permission' : '--permission';
        const flags = [permission, '--allow-fs-read=*'];
        const refused = await node(...flags, 'limits.mjs');
        assert.match(refused.stderr, /with --allow-addons/);
        assert.match(refused.stderr, /code: 'ERR_SLUICE_NATIVE'/);
        // Node 20 has no such flag.
        if (version === 20) return;
        const allowed = await node(...flags, '--allow-addons', 'limits.mjs');
        assert.equal(allowed.stdout, 'true false\n', allowed.stderr);
      });
    });
  }
});
