// The tree itself: no trace of one machine or one registry, pinned packages, plain words.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { unplain, unplainLines } from '../../scripts/lib/words.mjs';
import { root } from './support/project.mjs';

// Not source: git's own folder and what .gitignore names (a clean machine may have no git to ask).
const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n').filter(Boolean);
const folders = new Set(['.git', ...ignored.map((line) => line.replaceAll('/', ''))]);
const endings = ignored.filter((line) => line.startsWith('*.')).map((line) => line.slice(1));

function* walk(folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const name = join(folder, entry.name);
    if (folders.has(entry.name)) continue;
    if (entry.isDirectory()) yield* walk(name);
    else if (!endings.some((ending) => name.endsWith(ending))) yield name;
  }
}

const files = [...walk('.')];
const read = (name) => readFileSync(join(root, name), 'latin1');

test('no file names a folder of one machine', () => {
  assert.ok(files.includes('package.json'));
  const own = [root, `${homedir()}/`].filter((name) => name.length > 3);
  const homes = /(?<![\w.~-])\/(home|Users)\/\w+/;
  const found = files.filter((name) => {
    const text = read(name);
    return own.some((folder) => text.includes(folder)) || homes.test(text);
  });
  assert.deepEqual(found, []);
});

test('the lock file names no registry, and a checksum for every package', () => {
  const { packages } = JSON.parse(read('package-lock.json'));
  const entries = Object.entries(packages).filter(([path]) => path !== '');
  assert.ok(entries.length > 0);
  for (const [path, entry] of entries) {
    assert.equal(entry.resolved, undefined, `${path} has an address`);
    assert.match(entry.integrity ?? '', /^sha512-/, `${path} has no checksum`);
  }
});

// Each dependency and its version; for an alias (`npm:express@4.22.3`) the version of the target.
function pinned() {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  const all = Object.entries({ ...dependencies, ...devDependencies });
  return all.map(([name, version]) => [name, version.replace(/^npm:.*@/, '')]);
}

test('the lock file holds what package.json asks for', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  const locked = JSON.parse(read('package-lock.json')).packages;
  assert.deepEqual(locked[''].dependencies, dependencies);
  assert.deepEqual(locked[''].devDependencies, devDependencies);
  for (const [name, version] of pinned()) {
    assert.match(version, /^\d/, `${name} is not pinned`);
    assert.equal(locked[`node_modules/${name}`].version, version);
  }
});

test('every dependency is in docs/dependencies.md with its version', () => {
  const text = read('docs/dependencies.md');
  for (const [name, version] of pinned()) {
    assert.ok(text.includes(`\`${name}\``), `${name} is not explained`);
    assert.ok(text.includes(version), `${name} is explained with another version than ${version}`);
  }
});

test('text files end their lines with LF', () => {
  assert.deepEqual(
    files.filter((name) => !name.endsWith('.png') && read(name).includes('\r\n')),
    [],
  );
});

// GitHub's anchors of the headings: lower case, without punctuation, hyphens for spaces, and -1 for the
// second heading of that text. Generated pages also have `<a id="...">`.
function anchorsIn(text) {
  const anchors = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id);
  const seen = new Map();
  for (const heading of text.replace(/^```.*?^```/gms, '').match(/^#+ .*$/gm) ?? []) {
    const plain = heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
    const count = seen.get(plain) ?? 0;
    seen.set(plain, count + 1);
    anchors.push(count === 0 ? plain : `${plain}-${count}`);
  }
  return anchors;
}

test('links between documents lead to a file and a heading', () => {
  const broken = [];
  for (const name of files.filter((file) => file.endsWith('.md'))) {
    for (const [, link] of read(name).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, anchor] = link.split('#');
      const target = path === '' ? name : join(dirname(name), path);
      const exists = files.some((file) => file === target || file.startsWith(`${target}/`));
      if (!exists || (anchor && !anchorsIn(read(target)).includes(anchor))) {
        broken.push(`${name}: ${link}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});

test('comments and documents are plain English', () => {
  assert.deepEqual(
    unplainLines(files, (name) => readFileSync(join(root, name), 'utf8')),
    [],
  );
});

// Each row: a file's name, its text, and the findings as `line: phrase`.
const slashes = '//'; // Keeps the check from reading these rows as comments.
const longSentence = `It ${'very '.repeat(30)}long.`;
const prose = [
  ['a.ts', `${slashes} Returns the key.\nf(); ${slashes} What is asked.`, ['2: What']],
  [
    'a.ts',
    `const url = 'redis://h'; ${slashes} a URL\n/**\n * A key.\n * Whoever asks.\n */`,
    ['4: Whoever', '4: Whoever'],
  ],
  ['a.h', '/// A key; who asks\n/// for it waits in\n/// vain.', ['1: who', '1: in vain']],
  ['a.lua', '-- Of each key.\nlocal a = b - c', ['1: Of']],
  ['a.sh', 'echo "$#" # fine\n# comes to 3', ['2: comes to']],
  ['a.md', '# What a key is\n\n```js\nin vain\n```\n`of use`\n\n| a | is none |', ['8: is none']],
  ['a.md', `What is a key? What to do.\n- ${longSentence}`, ['2: 32 words']],
  ['a.json', '// in vain', []],
];

test('the check of words finds unplain phrases in prose, and nothing in code', () => {
  for (const [name, text, expected] of prose) {
    const found = unplain(name, text).map(({ line, phrase }) => `${line}: ${phrase}`);
    assert.deepEqual(found, expected, text);
  }
});
