// Runs every fenced block of README.md and docs/*.md as a reader would run it.
//
// js, mjs, cjs and ts blocks run in an empty project with the packed package and Express; ts is
// compiled first, strictly. Servers listen on a free port and do not keep the block alive;
// redis://localhost:6379 becomes a Redis server of the test.
// sh blocks run line by line in this checkout. `npm install sluice` becomes the packed tarball in an
// empty project. The commands in `longCommands` must only exist.
// The line before a block may be `<!-- test: skip REASON -->`, or `<!-- test: continues -->`: the block
// continues the one before it in the same file.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startRedis } from '../support/redis-server.mjs';
import { cleanEnv, installedProject, linkTypes, root, run, runNpm } from './support/project.mjs';

const languages = {
  js: 'mjs',
  mjs: 'mjs',
  javascript: 'mjs',
  cjs: 'cjs',
  ts: 'mts',
  typescript: 'mts',
};
const shells = new Set(['sh', 'bash', 'shell', 'console']);
const longCommands = new Set(['test', 'test:full', 'check', 'bench', 'sim']);

/** The fenced blocks of a text: `{ line, language, code, directive, reason }`. */
function blocksOf(text) {
  const blocks = [];
  let open;
  let comment;
  text.split('\n').forEach((content, index) => {
    const fence = content.match(/^( *)```+\s*([\w-]*)/);
    if (open) {
      if (fence) {
        blocks.push({ ...open, code: open.lines.join('\n') });
        open = undefined;
      } else {
        open.lines.push(content.slice(open.indent));
      }
    } else if (fence) {
      const [, directive, reason] = comment?.match(/^<!-- test: (\w+) ?(.*?) ?-->$/) ?? [];
      const indent = fence[1].length;
      open = { line: index + 1, language: fence[2], indent, directive, reason, lines: [] };
      comment = undefined;
    } else if (content.trim() !== '') {
      comment = content.trim();
    }
  });
  return blocks;
}

// A block that continues another one runs together with it.
function programsOf(blocks) {
  const programs = [];
  for (const block of blocks) {
    const previous = programs.at(-1);
    if (block.directive === 'continues') {
      assert.ok(previous, `line ${block.line}: no block to continue`);
      programs.push({ ...block, directive: undefined, code: `${previous.code}\n${block.code}` });
    } else {
      programs.push(block);
    }
  }
  return programs;
}

const preload = `
  import net from 'node:net';
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (port, ...rest) {
    const onListening = rest.findLast((argument) => typeof argument === 'function');
    return listen.call(this, 0, '127.0.0.1', onListening).unref();
  };
`;

let at;
let redis;
before(async () => {
  at = await installedProject(['express@5', 'express-rate-limit@8']);
  await linkTypes(at.project);
  redis = await startRedis();
  await writeFile(join(at.project, 'preload.mjs'), preload);
});
after(async () => {
  await redis?.stop();
  await at?.remove();
});

let counter = 0;

async function runProgram(block) {
  const extension = languages[block.language];
  const name = `block-${counter++}.${extension}`;
  await writeFile(
    join(at.project, name),
    block.code.replaceAll('redis://localhost:6379', redis.url),
  );
  const file = extension === 'mts' ? await compile(name) : name;
  const args = ['--import', './preload.mjs', file];
  const env = cleanEnv({ PATH: at.path });
  const options = { cwd: at.project, env, timeout: 300_000 };
  const { status, stderr } = await run(process.execPath, args, options);
  assert.equal(status, 0, stderr || `did not end by itself (${status})`);
}

async function compile(name) {
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    skipLibCheck: true,
    types: ['node'],
  };
  const config = `tsconfig.${name}.json`;
  await writeFile(join(at.project, config), JSON.stringify({ compilerOptions, files: [name] }));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = await run(process.execPath, [tsc, '-p', config], { cwd: at.project });
  assert.equal(result.status, 0, result.stdout);
  return name.replace(/\.mts$/, '.mjs');
}

async function runShell(block) {
  const lines = block.code.replaceAll('\\\n', ' ').split('\n');
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const text of lines) {
    const line = text
      .replace(/^\$ /, '')
      .replace(/(^|\s)#.*$/, '')
      .trim();
    if (line === '') continue;
    const [, script] = line.match(/^npm (?:run )?([\w:]+)/) ?? [];
    if (/^npm (install|i) /.test(line)) await installLine(line);
    else if (longCommands.has(script)) assert.ok(scripts[script], `no script ${script}`);
    else {
      const command = line.replaceAll('redis://localhost:6379', redis.url);
      const result = await run('bash', ['-ec', command], { cwd: root, env: cleanEnv() });
      assert.equal(result.status, 0, `${line}\n${result.stdout}\n${result.stderr}`);
    }
  }
}

async function installLine(line) {
  const project = await mkdtemp(join(at.folder, 'install-'));
  await writeFile(join(project, 'package.json'), '{ "private": true }\n');
  const words = line.split(/\s+/).slice(1);
  const args = words.map((word) => (word === 'sluice' ? at.tarball : word));
  await runNpm([...args, '--prefer-offline', '--no-audit'], { cwd: project, env: cleanEnv() });
}

const documents = ['README.md', 'CONTRIBUTING.md'];
for (const name of await readdir(join(root, 'docs'), { recursive: true })) {
  // The blocks of docs/api are the examples of doc comments: doc-comments.test.mjs compiles and runs them.
  if (name.endsWith('.md') && !name.startsWith('api')) documents.push(join('docs', name));
}

for (const document of documents) {
  const blocks = blocksOf(await readFile(join(root, document), 'utf8'));
  const runnable = programsOf(blocks).filter(
    ({ language }) => languages[language] || shells.has(language),
  );
  if (runnable.length === 0) continue;
  describe(document, () => {
    for (const block of runnable) {
      const skip = block.directive === 'skip' && (block.reason || 'without a reason');
      const title = `line ${block.line}: ${block.code.trim().split('\n')[0]}`;
      test(title, { skip }, async () => {
        assert.ok(!block.directive || skip, `unknown directive: ${block.directive}`);
        assert.ok(!skip || block.reason, 'a skipped block says why');
        await (shells.has(block.language) ? runShell(block) : runProgram(block));
      });
    }
  });
}

test('the reader of blocks sees languages, directives and indented fences', () => {
  const fence = '```';
  const text = [
    '<!-- test: skip because it is long -->',
    `${fence}sh`,
    'sleep 100',
    fence,
    '- item',
    '',
    `  ${fence}js`,
    '  go();',
    `  ${fence}`,
  ].join('\n');
  assert.deepEqual(
    blocksOf(text).map(({ line, language, code, directive, reason }) => [
      line,
      language,
      code,
      directive,
      reason,
    ]),
    [
      [2, 'sh', 'sleep 100', 'skip', 'because it is long'],
      [7, 'js', 'go();', undefined, undefined],
    ],
  );
});
