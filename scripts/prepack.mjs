// Before `npm pack`: builds the package, puts its addons into prebuilds/, and writes THIRD_PARTY_NOTICES.
// After it (--undo): removes both, so that a checkout never loads an outdated binary.
//
// `npm pack` packs the addon of this machine alone, built by its own compiler. SLUICE_PREBUILDS names platforms of
// `npm run prebuilds` instead, as in `linux-x64,linux-arm64`. `npm publish`, and SLUICE_PREBUILDS=all, pack all of
// them, and the addons for macOS that .github/workflows/prebuilds.yml put into build/prebuilds.

import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPackage, CommandFailed, compileTypeScript, root, setUp } from './lib/steps.mjs';
import { writeNotices } from './notices.mjs';
import { hostPlatform } from './platform.mjs';
import { work } from './prebuilds/sources.mjs';
import { macosAddons } from './prebuilds/stamp.mjs';
import { checkLinuxAddon, platformsOf } from './prebuilds/targets.mjs';
import { buildPrebuilds } from './prebuilds.mjs';

const undo = process.argv.includes('--undo');
const publishing = process.env.npm_command === 'publish';
const wanted = publishing ? 'all' : process.env.SLUICE_PREBUILDS;

async function hostAddon() {
  await setUp('demo');
  await buildPackage();
  const name = hostPlatform();
  const file = join(root, 'build/release/native/addon/sluice.node');
  if (process.platform === 'linux') checkLinuxAddon(file, { musl: name.endsWith('-musl') });
  return { [name]: file };
}

async function releasedAddons() {
  const files = await buildPrebuilds(platformsOf(wanted));
  if (wanted === 'all') Object.assign(files, macosAddons(work));
  await compileTypeScript();
  return files;
}

// A package without them has no source that its users can check.
function checkAddresses() {
  const fields = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const missing = ['repository', 'homepage', 'bugs'].filter((name) => !fields[name]);
  if (missing.length > 0) {
    throw new CommandFailed(
      `package.json has no ${missing.join(', ')}; see Publishing in CONTRIBUTING.md`,
    );
  }
}

async function prepack() {
  rmSync(join(root, 'dist'), { recursive: true, force: true }); // without files from before a rename
  const files = await (wanted ? releasedAddons() : hostAddon());
  for (const [name, file] of Object.entries(files)) {
    const folder = join(root, 'prebuilds', name);
    mkdirSync(folder, { recursive: true });
    copyFileSync(file, join(folder, 'sluice.node'));
  }
  writeNotices();
}

try {
  if (publishing && !undo) checkAddresses();
  for (const made of ['prebuilds', 'THIRD_PARTY_NOTICES']) {
    rmSync(join(root, made), { recursive: true, force: true });
  }
  if (!undo) await prepack();
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`prepack: ${error.message}`);
  process.exitCode = 1;
}
