// npm run prebuilds [-- TARGET...]: builds the addon for every Linux platform of the package, on Linux x64.
//
// The results are build/prebuilds/TARGET/sluice.node. `SLUICE_PREBUILDS=all npm pack` packs them, and
// `SLUICE_PREBUILDS=linux-x64 npm pack` one of them. The first run downloads 120 MB, takes about 10 minutes on two
// cores and 1 GB of disk; later ones compile what changed.

import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandFailed, jobs, root, run, step } from './lib/steps.mjs';
import { libraries, writeTools } from './prebuilds/libraries.mjs';
import { compiler, missingTools, sources, work } from './prebuilds/sources.mjs';
import { checkLinuxAddon, platformsOf, TARGETS } from './prebuilds/targets.mjs';

async function buildAddon(name, { tools, prefix, cpu }) {
  const folder = join(work, name, 'addon');
  const options = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: cpu,
    CMAKE_CXX_COMPILER: join(tools, 'c++'),
    CMAKE_AR: join(tools, 'ar'),
    CMAKE_RANLIB: join(tools, 'ranlib'),
    CMAKE_PREFIX_PATH: prefix,
    SLUICE_WERROR: 'OFF',
  };
  const defined = Object.entries(options).map(([key, value]) => `-D${key}=${value}`);
  await run('cmake', ['-S', root, '-B', folder, ...defined], { quiet: true });
  const build = ['--build', folder, '--target', 'sluice_addon', '--parallel', jobs];
  await run('cmake', build, { quiet: true });
  const file = join(work, name, 'sluice.node');
  copyFileSync(join(folder, 'native', 'addon', 'sluice.node'), file);
  checkLinuxAddon(file, { musl: name.endsWith('-musl'), released: true });
  return file;
}

/** Builds these targets; resolves to their files by name. */
export async function buildPrebuilds(names = Object.keys(TARGETS)) {
  const missing = missingTools();
  if (missing.length > 0) throw new CommandFailed(`needs ${missing.join(', ')}`);
  const zig = await step('prebuilds: compiler', compiler);
  const sourcesFolder = await step('prebuilds: sources', sources);
  const files = {};
  for (const name of names) {
    await step(`prebuilds: ${name}`, async () => {
      const { zig: target, openssl, cpu } = TARGETS[name];
      const tools = writeTools(join(work, name), zig, target);
      const options = { tools, target, openssl, cpu };
      const prefix = await libraries(join(work, name), sourcesFolder, options);
      files[name] = await buildAddon(name, { tools, prefix, cpu });
      console.log(`${name}: ${statSync(files[name]).size} bytes`);
    });
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  try {
    await buildPrebuilds(platformsOf(names.join(',') || 'all'));
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    console.error(`prebuilds: ${error.message}`);
    process.exitCode = 1;
  }
}
