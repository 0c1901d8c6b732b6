// Before `npm pack`: builds the package, puts its addons into prebuilds/, and writes THIRD_PARTY_NOTICES.
// After it (--undo): removes both, so that a checkout never loads an outdated binary.
//
// `npm pack` packs the addon of this machine alone. `npm publish`, and SLUICE_PREBUILDS=all, build that of each Linux
// platform, and add those that .github/workflows/prebuilds.yml put into build/prebuilds.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage, CommandFailed, compileTypeScript, root, setUp } from './lib/steps.mjs';
import { writeNotices } from './notices.mjs';
import { hostPlatform } from './platform.mjs';
import { work } from './prebuilds/sources.mjs';
import { checkLinuxAddon } from './prebuilds/targets.mjs';
import { buildPrebuilds } from './prebuilds.mjs';

const all = process.env.npm_command === 'publish' || process.env.SLUICE_PREBUILDS === 'all';

async function hostAddon() {
  await setUp('demo');
  await buildPackage();
  const name = hostPlatform();
  const file = join(root, 'build/release/native/addon/sluice.node');
  if (process.platform === 'linux') checkLinuxAddon(file, { musl: name.endsWith('-musl') });
  return { [name]: file };
}

async function allAddons() {
  const files = await buildPrebuilds();
  for (const name of readdirSync(work)) {
    const file = join(work, name, 'sluice.node');
    if (/^darwin-/.test(name) && existsSync(file)) files[name] = file;
  }
  await compileTypeScript();
  return files;
}

async function prepack() {
  rmSync(join(root, 'dist'), { recursive: true, force: true }); // without files from before a rename
  const files = await (all ? allAddons() : hostAddon());
  for (const [name, file] of Object.entries(files)) {
    const folder = join(root, 'prebuilds', name);
    mkdirSync(folder, { recursive: true });
    copyFileSync(file, join(folder, 'sluice.node'));
  }
  writeNotices();
}

try {
  for (const made of ['prebuilds', 'THIRD_PARTY_NOTICES']) {
    rmSync(join(root, made), { recursive: true, force: true });
  }
  if (!process.argv.includes('--undo')) await prepack();
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`prepack: ${error.message}`);
  process.exitCode = 1;
}
