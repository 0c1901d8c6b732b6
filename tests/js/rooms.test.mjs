// The folders of js/: which may import which, and that no imports form a circle.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const js = fileURLToPath(new URL('../../js', import.meta.url));

/** Lowest first: a file imports from its own row and the rows above it here. The entries import from all. */
const FLOORS = [
  ['platforms'],
  ['native.ts', 'limiter'],
  ['redis'],
  ['create-limiter.ts'],
  ['http', 'stores'],
  ['express', 'nestjs'],
  [
    'index.ts',
    'testing.ts',
    'express.ts',
    'nestjs.ts',
    'express-rate-limit.ts',
    'nestjs-throttler.ts',
  ],
];

function importsOf(file) {
  const text = readFileSync(join(js, file), 'utf8');
  const imports = text.matchAll(/(?:from |import |import\(|require\()'(\.[^']+)\.js'/g);
  return [...imports].map(([, path]) => `${normalize(join(dirname(file), path))}.ts`);
}

const files = readdirSync(js, { recursive: true }).filter((name) => name.endsWith('.ts'));
const graph = new Map(files.map((file) => [file, importsOf(file)]));

const roomOf = (file) => file.split('/')[0];
const floorOf = (file) => FLOORS.findIndex((rooms) => rooms.includes(roomOf(file)));

test('each file of js/ is in a room, and imports files that exist', () => {
  assert.ok(graph.size > 40);
  for (const [file, imports] of graph) {
    assert.notEqual(floorOf(file), -1, file);
    for (const other of imports) assert.ok(graph.has(other), `${file} imports ${other}`);
  }
});

test('imports lead from a room to itself or to a lower one', () => {
  const wrong = [];
  for (const [file, imports] of graph) {
    for (const other of imports) {
      const sameRoom = roomOf(file) === roomOf(other);
      const lower = floorOf(other) < floorOf(file) || (floorOf(file) === 1 && floorOf(other) === 1);
      if (!sameRoom && !lower) wrong.push(`${file} imports ${other}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('no imports form a circle, those of types included', () => {
  const done = new Set();
  function visit(file, path) {
    assert.ok(!path.includes(file), `${[...path, file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const other of graph.get(file)) visit(other, [...path, file]);
    done.add(file);
  }
  for (const file of graph.keys()) visit(file, []);
});
