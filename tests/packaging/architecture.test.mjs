// docs/architecture.md: every file and function that it names exists.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(project, 'docs/architecture.md'), 'utf8');

test('each step of a walk names a function of its file', () => {
  const steps = [...page.matchAll(/^\| \d+ \| `([^`]+)` \| `#?([^`]+)` \|/gm)];
  assert.ok(steps.length > 30, `${steps.length} steps`);
  for (const [, file, name] of steps) {
    const has = new RegExp(`\\b${name}[(<]`).test(readFileSync(join(project, file), 'utf8'));
    assert.ok(has, `${file} has no ${name}`);
  }
});

test('every other file that the page names exists', () => {
  const all = ['js', 'native', 'sim'].flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true }).map((path) => basename(path)),
  );
  for (const [, name] of page.matchAll(/`([\w/-]+\.(?:ts|cc|h|lua))`/g)) {
    assert.ok(existsSync(join(project, name)) || all.includes(basename(name)), name);
  }
});
