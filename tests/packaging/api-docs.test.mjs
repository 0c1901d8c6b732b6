// docs/api is current: the generator makes the same files from the present types.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, succeed } from './support/project.mjs';

const typedoc = join(root, 'node_modules', 'typedoc', 'bin', 'typedoc');
const options = join(root, 'scripts', 'api', 'typedoc.json');

/** The files of a folder, by path, with their text. */
async function textsIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return new Map(paths.map((path, i) => [path.slice(folder.length + 1), texts[i]]));
}

test('docs/api matches the types (npm run docs:api writes it)', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-api-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await succeed(process.execPath, [typedoc, '--options', options, '--out', folder], { cwd: root });
  const made = await textsIn(folder);
  const committed = await textsIn(join(root, 'docs', 'api'));
  assert.ok(made.size >= 6);
  assert.deepEqual([...committed.keys()].sort(), [...made.keys()].sort());
  for (const [path, text] of made) {
    assert.ok(committed.get(path) === text, `docs/api/${path} is outdated: npm run docs:api`);
  }
});

test('docs/api is the same on every run', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-api-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const texts = [];
  for (const out of ['first', 'second']) {
    const args = [typedoc, '--options', options, '--out', join(folder, out)];
    await succeed(process.execPath, args, { cwd: root });
    texts.push(Object.fromEntries(await textsIn(join(folder, out))));
  }
  assert.deepEqual(texts[0], texts[1]);
});
