// Doc comments as editors show them: each export has one, each value an example, and examples compile and run.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { startRedis } from '../support/redis-server.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.keys(exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace('.', 'sluice'));

/** Known gaps. Only shorten these lists. */
const GAPS = {
  exports: [],
  overloads: [],
  members: [],
  tags: [],
  examples: [],
};

const options = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  experimentalDecorators: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
};

/** Files that exist only here, by path. */
const texts = new Map();
let version = 0;
const service = ts.createLanguageService({
  getScriptFileNames: () => [...texts.keys()],
  getScriptVersion: (file) => (texts.has(file) ? String(version) : '0'),
  getScriptSnapshot(file) {
    const text = texts.get(file) ?? ts.sys.readFile(file);
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
  },
  getCurrentDirectory: () => root,
  getCompilationSettings: () => options,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  fileExists: (file) => texts.has(file) || ts.sys.fileExists(file),
  readFile: (file) => texts.get(file) ?? ts.sys.readFile(file),
  readDirectory: ts.sys.readDirectory,
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories,
  realpath: ts.sys.realpath,
});

const userFile = (entry) => join(root, 'tests', `user-of-${entry.replace('/', '-')}.mts`);
const textOf = (parts) => ts.displayPartsToString(parts ?? []).trim();
const isExample = ({ name }) => name === 'example';

for (const entry of entries) texts.set(userFile(entry), `import * as entry from '${entry}';\n`);
const program = service.getProgram();
const checker = program.getTypeChecker();
/** The exports of each entry, as the compiler sees them. */
const exported = entries.flatMap((entry) => {
  const [{ moduleSpecifier }] = program.getSourceFile(userFile(entry)).statements;
  const module = checker.getSymbolAtLocation(moduleSpecifier);
  return checker.getExportsOfModule(module).map((given) => {
    const isAlias = (given.flags & ts.SymbolFlags.Alias) !== 0;
    const symbol = isAlias ? checker.getAliasedSymbol(given) : given;
    return { entry, name: given.name, symbol };
  });
});
const values = new Map();
for (const entry of entries) values.set(entry, Object.keys(await import(entry)));
const isValue = ({ entry, name }) => values.get(entry).includes(name);

/** Fails for `missing` names other than the known ones, and for known ones that are not missing any more. */
function checkGaps(missing, known) {
  assert.deepEqual([...new Set(missing)].sort(), [...known].sort());
}

test('an editor shows a comment for each export, and an example for each value', () => {
  assert.ok(exported.length > 110, `${exported.length} exports`);
  const missing = [];
  const linesOf = (entry) =>
    exported
      .filter((each) => each.entry === entry)
      .map(({ name }, i) => `import { ${name} as n${i} } from '${entry}';`);
  for (const entry of entries) texts.set(userFile(entry), linesOf(entry).join('\n'));
  version += 1;
  const ends = new Map();
  for (const each of exported) {
    const { entry, name } = each;
    const start = ends.get(entry) ?? 0;
    const file = userFile(entry);
    const hover = service.getQuickInfoAtPosition(file, start + 'import { '.length);
    ends.set(entry, texts.get(file).indexOf('\n', start) + 1);
    const path = `${entry}: ${name}`;
    if (textOf(hover?.documentation) === '') missing.push(`${path}: no comment`);
    else if (isValue(each) && !hover.tags?.some(isExample)) missing.push(`${path}: no example`);
  }
  checkGaps(missing, GAPS.exports);
});

test('each overload has a comment and an example: an editor shows that of the one called', () => {
  const missing = [];
  let calls = 0;
  for (const { entry, name, symbol } of exported.filter(isValue)) {
    const signatures = checker.getTypeOfSymbol(symbol).getCallSignatures();
    calls += signatures.length;
    signatures.forEach((signature, i) => {
      const path = `${entry}: ${name}, overload ${i + 1}`;
      if (textOf(signature.getDocumentationComment(checker)) === '') missing.push(path);
      else if (!signature.getJsDocTags().some(isExample)) missing.push(`${path}: no example`);
    });
  }
  assert.ok(calls > 20);
  checkGaps(missing, GAPS.overloads);
});

test("an editor shows the comments of require('sluice/express') and of its types", () => {
  const file = join(root, 'tests', 'user-of-require.cts');
  const entry = "import rateLimit = require('sluice/express');\n";
  const [{ symbol }] = exported.filter(
    ({ entry, name }) => entry === 'sluice/express' && name === 'default',
  );
  const names = checker.getExportsOfModule(symbol).map(({ name }) => name);
  assert.ok(names.length > 15, `${names}`);
  const generic = { ValueDeterminingMiddleware: '<string>' };
  const uses = names.map(
    (name, i) => `declare const n${i}: rateLimit.${name}${generic[name] ?? ''};`,
  );
  const calls = ['rateLimit({ limit: 5 });', 'rateLimit.rateLimit();', 'rateLimit.clientIp;'];
  const lines = [entry, ...uses, ...calls].join('\n');
  texts.set(file, lines);
  version += 1;
  const missing = [];
  const places = names.map((name) => [name, lines.indexOf(`rateLimit.${name}`) + 10]);
  for (const call of calls) {
    places.push([call, lines.indexOf(call) + Math.max(0, call.search(/\.[a-zA-Z]/) + 1)]);
  }
  for (const [name, at] of places) {
    const hover = service.getQuickInfoAtPosition(file, at);
    if (textOf(hover?.documentation) === '') missing.push(name);
  }
  assert.deepEqual(missing, []);
});

test('each member of an exported interface or class has a comment', () => {
  const isOurs = (node) => node.getSourceFile().fileName.startsWith(join(root, 'dist'));
  const missing = [];
  let members = 0;
  for (const { entry, name, symbol } of exported) {
    if ((symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class)) === 0) continue;
    const own = [...symbol.members.values(), ...(symbol.exports?.values() ?? [])];
    for (const member of own) {
      const [declaration] = member.declarations ?? [];
      if (!declaration || !isOurs(declaration)) continue;
      const isMember =
        ts.isPropertySignature(declaration) ||
        ts.isMethodSignature(declaration) ||
        ts.isPropertyDeclaration(declaration) ||
        ts.isMethodDeclaration(declaration);
      const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
      if (!isMember || ts.getCombinedModifierFlags(declaration) & hidden) continue;
      if (ts.isPrivateIdentifier(declaration.name)) continue;
      if (ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal')) continue;
      members += 1;
      if (textOf(member.getDocumentationComment(checker)) === '') {
        missing.push(`${entry}: ${name}.${declaration.name.getText()}`);
      }
    }
  }
  assert.ok(members > 150, `${members} members`);
  checkGaps(missing, GAPS.members);
});

/** The tags of all doc comments below `js/`: `{ name, text, place }`. */
function tagsOfSources() {
  const found = new Map();
  const files = readdirSync(join(root, 'js'), { recursive: true }).filter((f) => /\.m?ts$/.test(f));
  for (const file of files) {
    const path = join(root, 'js', file);
    const source = ts.createSourceFile(
      path,
      readFileSync(path, 'utf8'),
      ts.ScriptTarget.ES2022,
      true,
    );
    const visit = (node) => {
      for (const tag of ts.getJSDocTags(node)) {
        const { line } = source.getLineAndCharacterOfPosition(tag.pos);
        const text = ts.getTextOfJSDocComment(tag.comment) ?? '';
        const place = `js/${file}:${line + 1}`;
        found.set(place, { name: tag.tagName.text, text, place });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return [...found.values()];
}

const tags = tagsOfSources();

test('no line of a comment begins with a decorator: the compiler reads it as a tag, and ends the example', () => {
  const known = ['example', 'throws', 'param', 'returns', 'deprecated', 'internal', 'defaultValue'];
  const unknown = tags.filter(({ name }) => !known.includes(name));
  checkGaps(
    unknown.map(({ name, place }) => `${place.replace(/:\d+$/, '')}: @${name}`),
    GAPS.tags,
  );
});

/** Names that an example may use without a declaration: members' examples continue a program of the reader. */
const AMBIENT = `
  declare const limiter: import('sluice').SyncLimiter<'burst' | 'daily'>;
  declare const app: import('express').Express;
`;

/** The blocks of docs/api: `{ text, place }`. */
function blocksOfPages() {
  const folder = join(root, 'docs', 'api');
  const pages = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.md'));
  return pages.flatMap((page) => {
    const blocks = readFileSync(join(folder, page), 'utf8').matchAll(/^```(\w*)\n(.*?)\n```$/gms);
    return [...blocks].map(([, language, text]) => ({ language, text, place: `docs/api/${page}` }));
  });
}

const examples = tags.filter(isExample);
const blocks = blocksOfPages();

test('each example, and each block of docs/api, compiles strictly', () => {
  assert.ok(examples.length > 45, `${examples.length} examples`);
  assert.ok(blocks.length > 45, `${blocks.length} blocks`);
  for (const { language, place } of blocks) assert.equal(language, 'ts', place);
  const places = new Map();
  for (const { text, place } of [...examples, ...blocks]) {
    if (!places.has(text)) places.set(text, place);
  }
  const files = new Map([...places].map((each, i) => [join(root, `tests/example-${i}.mts`), each]));
  texts.set(join(root, 'tests', 'example-names.d.ts'), AMBIENT);
  for (const [file, [text]] of files) texts.set(file, `${text}\nexport {};\n`);
  version += 1;
  const failed = [...files].flatMap(([file, [, place]]) =>
    [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)].map(
      ({ messageText }) => `${place}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    ),
  );
  const knownFor = (error) => GAPS.examples.find((file) => error.startsWith(`${file}:`));
  assert.deepEqual(
    failed.filter((error) => knownFor(error) === undefined),
    [],
  );
  checkGaps(failed.map(knownFor), GAPS.examples);
});

const own = ['sluice', 'sluice/testing'];
const modulesOf = (text) => [...text.matchAll(/ from '([^']+)'/g)].map(([, name]) => name);

test('the examples of these entries run', async (t) => {
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build', 'examples-')); // Inside, so that 'sluice' resolves.
  t.after(() => rmSync(folder, { recursive: true }));
  const redis = await startRedis();
  t.after(() => redis.stop());
  const programs = examples.filter(({ text }) => {
    const modules = modulesOf(text).filter((name) => !name.startsWith('node:'));
    return modules.length > 0 && modules.every((name) => own.includes(name));
  });
  assert.ok(programs.length > 15, `${programs.length} programs`);
  for (const [i, { text, place }] of programs.entries()) {
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { ...options, module: ts.ModuleKind.ESNext, noEmit: false },
    });
    const file = join(folder, `example-${i}.mjs`);
    writeFileSync(file, outputText.replaceAll('redis://localhost:6379', redis.url));
    const ended = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 300_000 });
    assert.equal(ended.status, 0, `${place}\n${ended.stderr}`);
  }
});
