// The NestJS programs of README.md and docs/ as a reader would run them, and the types, compiled strictly.
//
// No decorator metadata is emitted: Sluice's injection does not need it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../support/redis-server.mjs';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const root = fileURLToPath(new URL('../..', import.meta.url));
const flags =
  '--strict --exactOptionalPropertyTypes --skipLibCheck --experimentalDecorators --module nodenext --target es2022';

const compile = (...args) =>
  spawnSync(process.execPath, [tsc, ...flags.split(' '), ...args], { encoding: 'utf8' });

let folder;
let redis;
before(async () => {
  mkdirSync(join(root, 'build'), { recursive: true });
  folder = mkdtempSync(join(root, 'build', 'nestjs-docs-')); // Inside, so that packages resolve.
  redis = await startRedis();
});
after(async () => {
  await redis?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test("the types of 'sluice/nestjs' infer and refuse what is wrong", () => {
  const { stdout, status } = compile('--noEmit', join(root, 'tests/js/nestjs.types.mts'));
  assert.equal(status, 0, stdout);
});

// Servers listen on a free port of the loopback and do not keep the program alive.
const preload = `
  import net from 'node:net';
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (...args) {
    const onListening = args.findLast((argument) => typeof argument === 'function');
    return listen.call(this, 0, '127.0.0.1', onListening).unref();
  };`;

const pages = ['README.md', 'docs/quick-start.md', 'docs/nestjs.md', 'docs/migration.md'];
const text = pages.map((page) => readFileSync(join(root, page), 'utf8')).join('\n');
// The other ts blocks of docs/migration.md run in documents.test.mjs.
const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)]
  .map(([, code]) => code)
  .filter((code) => code.includes("from '@nestjs/"));

test('docs/nestjs.md has programs', () => assert.ok(blocks.length >= 3));

test('the programs of these pages compile and run', () => {
  const files = blocks.map((_, i) => join(folder, `block-${i}.mts`));
  for (const [i, code] of blocks.entries()) {
    writeFileSync(files[i], code.replaceAll('redis://localhost:6379', redis.url));
  }
  const { stdout, status } = compile(...files);
  assert.equal(status, 0, stdout);
  writeFileSync(join(folder, 'preload.mjs'), preload);
  for (const file of files) {
    const program = file.replace(/\.mts$/, '.mjs');
    const args = ['--import', './preload.mjs', program];
    const ended = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      timeout: 300_000,
      env: { ...process.env, NO_COLOR: '1' },
    });
    assert.equal(ended.status, 0, `${file}\n${ended.stdout}\n${ended.stderr}`);
    if (readFileSync(file, 'utf8').includes('// sent')) assert.match(ended.stdout, /^sent$/m);
  }
});
