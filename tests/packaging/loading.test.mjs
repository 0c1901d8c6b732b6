// The packed package finds its native addon, or explains why it cannot.

import assert from 'node:assert/strict';
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { hostPlatform } from '../../scripts/platform.mjs';
import { TARGETS } from '../../scripts/prebuilds/targets.mjs';
import { skipWithout, startRedis } from '../support/redis-server.mjs';
import { cleanEnv, installedProject, run } from './support/project.mjs';

const platform = hostPlatform();

let at;
before(async () => {
  at = await installedProject([]);
});
after(() => at?.remove());

/** A copy of the installed project in a new folder. */
async function copyProject(name) {
  const project = join(at.folder, name);
  await cp(at.project, project, { recursive: true, verbatimSymlinks: true });
  return { project, sluice: join(project, 'node_modules', 'sluice') };
}

const source = `
  import { createLimiter, tokenBucket } from 'sluice';
  const limiter = createLimiter({ policies: tokenBucket({ capacity: 1, every: '1h' }) });
  console.log(limiter.checkSync('a').allowed, limiter.checkSync('a').allowed);
`;

/** Runs `file` of a project, with `args` for Node before it. Resolves to its output. */
async function runFile(project, args = [], file = 'limits.mjs') {
  await writeFile(join(project, 'limits.mjs'), source);
  const options = { cwd: project, env: cleanEnv({ PATH: at.path }) };
  const { stdout, stderr } = await run(process.execPath, [...args, file], options);
  return { stdout, stderr };
}

async function assertLimits(project, args) {
  const { stdout, stderr } = await runFile(project, args);
  assert.equal(stdout, 'true false\n', stderr);
}

async function assertRefused(message, project, args, file) {
  const { stdout, stderr } = await runFile(project, args, file);
  assert.equal(stdout, '');
  assert.match(stderr, message);
  assert.match(stderr, /code: 'ERR_SLUICE_NATIVE'/);
}

test('the loader names each packed binary by a literal path, as file tracers need it', async () => {
  const sluice = join(at.project, 'node_modules', 'sluice');
  assert.deepEqual(await readdir(join(sluice, 'prebuilds')), [platform]);
  const loader = await readFile(join(sluice, 'dist', 'native.js'), 'utf8');
  for (const name of [...Object.keys(TARGETS), 'darwin-x64', 'darwin-arm64']) {
    assert.ok(loader.includes(`require('./platforms/${name}.js')`), name);
    const entry = await readFile(join(sluice, 'dist', 'platforms', `${name}.js`), 'utf8');
    assert.ok(entry.includes(`require('../../prebuilds/${name}/sluice.node')`), name);
  }
});

test('an addon of a platform that the loader does not name is found', async () => {
  const { project, sluice } = await copyProject('unnamed');
  const other = `${process.platform}-riscv64`;
  await rename(join(sluice, 'prebuilds', platform), join(sluice, 'prebuilds', other));
  const pretend = join(project, 'pretend.cjs');
  await writeFile(pretend, "Object.defineProperty(process, 'arch', { value: 'riscv64' });");
  await assertLimits(project, ['--require', pretend]);
});

test('prebuilds that were not deployed are told from a platform without a build', async () => {
  const { project, sluice } = await copyProject('deployed');
  const prebuilds = join(sluice, 'prebuilds');
  await rename(join(prebuilds, platform), join(prebuilds, 'plan9-x64'));
  await assertRefused(
    new RegExp(`no native addon for ${platform}.*has plan9-x64.*node ".*sluice-build.mjs"`),
    project,
  );
  await rm(prebuilds, { recursive: true });
  await assertRefused(/prebuilds was not deployed: .*outputFileTracingIncludes/, project);
});

test('a binary that the system cannot load is told with the reason, and how to build another', async () => {
  const { project, sluice } = await copyProject('broken');
  await writeFile(join(sluice, 'prebuilds', platform, 'sluice.node'), 'not a binary');
  await assertRefused(
    new RegExp(
      `does not load on ${platform} .*sluice\\.node.*from source.*node ".*sluice-build.mjs"`,
    ),
    project,
  );
});

test('an addon that Node refuses is told with the flag that permits it', async () => {
  await assertRefused(/run it without --no-addons/, at.project, ['--no-addons']);
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const flags = [permission, '--allow-fs-read=*'];
  await assertRefused(/with --allow-addons/, at.project, flags);
});

test('under --permission with --allow-addons it works', {
  skip:
    !process.allowedNodeEnvironmentFlags.has('--allow-addons') && 'this Node has no --allow-addons',
}, async () => {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  await assertLimits(at.project, [permission, '--allow-fs-read=*', '--allow-addons']);
});

test('in a bundle, loading says that sluice has to stay out of it', async () => {
  const bundle = join(at.folder, 'bundle');
  await mkdir(join(bundle, 'limiter'), { recursive: true });
  const names = ['native.js', 'limiter/native-failure.js', 'limiter/errors.js'];
  for (const name of [...names, `platforms/${platform}.js`]) {
    const from = join(at.project, 'node_modules', 'sluice', 'dist', name);
    await cp(from, join(bundle, name));
  }
  await assertRefused(/a bundler .*--external:sluice/, bundle, [], 'native.js');
});

test("the line of docs/deployment.md for an image keeps one platform's addon", async () => {
  const { project, sluice } = await copyProject('image');
  const text = await readFile(join(sluice, 'docs', 'deployment.md'), 'utf8');
  const [, line] = text.match(/^RUN (find node_modules.*)$/m);
  const prebuilds = join(sluice, 'prebuilds');
  await cp(join(prebuilds, platform), join(prebuilds, 'other-x64'), { recursive: true });
  const command = line.replace('linux-x64', platform);
  assert.equal((await run('sh', ['-ec', command], { cwd: project })).status, 0);
  assert.deepEqual(await readdir(prebuilds), [platform]);
  await assertLimits(project);
});

test('a path with spaces and letters beyond ASCII is no obstacle', async () => {
  const { project } = await copyProject('mein Übungs projekt ☂');
  await assertLimits(project);
});

test('packages linked as pnpm links them load', async () => {
  const { project, sluice } = await copyProject('linked');
  const modules = join(project, 'node_modules');
  const inner = join(modules, '.pnpm', 'sluice@0.1.0', 'node_modules');
  await mkdir(inner, { recursive: true });
  await rename(sluice, join(inner, 'sluice'));
  await rename(join(modules, 'ip-address'), join(inner, 'ip-address'));
  await symlink(join(inner, 'sluice'), sluice);
  await assertLimits(project);
});

test('a package folder that is read-only is enough, and stays as it is', async () => {
  const { project, sluice } = await copyProject('read-only');
  const entries = await readdir(sluice, { recursive: true, withFileTypes: true });
  const folders = [
    sluice,
    ...entries.filter((e) => e.isDirectory()).map((e) => join(e.parentPath ?? e.path, e.name)),
  ];
  const contents = async () => (await readdir(sluice, { recursive: true })).sort();
  const old = await contents();
  for (const folder of folders) await chmod(folder, 0o555);
  try {
    await assertLimits(project);
    assert.deepEqual(await contents(), old);
  } finally {
    for (const folder of folders) await chmod(folder, 0o755);
  }
});

test('two copies in one process work side by side', { skip: skipWithout('redis') }, async (t) => {
  const { project, sluice } = await copyProject('twice');
  await cp(sluice, join(dirname(sluice), 'sluice-other'), { recursive: true });
  const server = await startRedis();
  t.after(() => server.stop());
  await writeFile(
    join(project, 'twice.cjs'),
    `const copies = [require('sluice'), require('sluice-other')];
     const stores = [(copy) => copy.memory({ name: 'one' }), (copy) => copy.redis('${server.url}')];
     async function take(store) {
       const limiters = copies.map((copy) =>
         copy.createLimiter({
           policies: copy.tokenBucket({ capacity: 2, every: '1h' }),
           store: store(copy),
           deadlineMs: 10_000,
         }),
       );
       const decisions = [];
       for (const limiter of [...limiters, ...limiters]) decisions.push(await limiter.check('a'));
       console.log(decisions.map(({ allowed, source }) => allowed + ' by ' + source).join(', '));
       await Promise.all(limiters.map((limiter) => limiter.close()));
     }
     take(stores[0]).then(() => take(stores[1]));`,
  );
  const { stdout, stderr } = await runFile(project, [], 'twice.cjs');
  // Each copy has its own memory store; one Redis serves both.
  const memory = 'true by store, true by store, true by store, true by store';
  const redis = 'true by store, true by store, false by store, false by store';
  assert.equal(stdout, `${memory}\n${redis}\n`, stderr);
});
