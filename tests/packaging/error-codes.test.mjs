// The documents explain every error code of the package, and no other.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './support/project.mjs';

async function codesIn(folder, extension) {
  const files = await readdir(join(root, folder), { recursive: true });
  const wanted = files.filter((name) => name.endsWith(extension));
  const texts = await Promise.all(wanted.map((name) => readFile(join(root, folder, name), 'utf8')));
  const codes = texts.flatMap((text) => text.match(/\bERR_SLUICE_[A-Z]+(?:_[A-Z]+)*\b/g) ?? []);
  return [...new Set(codes)].sort();
}

test('the documents explain the error codes that are thrown', async () => {
  assert.deepEqual(await codesIn('docs', '.md'), await codesIn('js', '.ts'));
});
