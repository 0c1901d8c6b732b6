// The stamp of a prebuilt file: a hash of its sources. A file with another stamp is outdated.
//
// node scripts/prebuilds/stamp.mjs prints the stamp of an addon. The workflow for macOS keeps it beside the binary.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandFailed, root } from '../lib/steps.mjs';

/** The sources of an addon, as paths in the checkout. */
const ADDON = ['CMakeLists.txt', 'CMakePresets.json', 'native', 'scripts/cmake'];
/** The programs that build one. */
const SCRIPTS = ['scripts/prebuilds.mjs', 'scripts/prebuilds'];

function filesIn(folder, path) {
  if (!statSync(join(folder, path)).isDirectory()) return [path];
  const names = readdirSync(join(folder, path)).sort();
  return names.flatMap((name) => filesIn(folder, `${path}/${name}`));
}

/** The hash of `texts`, and of the names and contents of the files at `paths`. A path may be a folder. */
export function stampOf(paths, texts = [], folder = root) {
  const hash = createHash('sha256');
  // Each part with its length: moving a byte from one to the next changes the hash.
  const add = (part) => hash.update(`${part.length}:`).update(part);
  for (const text of texts) add(text);
  for (const file of paths.flatMap((path) => filesIn(folder, path))) {
    add(file);
    add(readFileSync(join(folder, file)));
  }
  return hash.digest('hex');
}

/** The stamp of the addon that this checkout builds, for any platform. */
export function addonStamp(folder = root) {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return stampOf([...ADDON, ...SCRIPTS], [JSON.stringify(dependencies)], folder);
}

/** The addons for macOS that the workflow built, by platform. Throws if one has other sources than this checkout. */
export function macosAddons(work) {
  const files = {};
  for (const name of readdirSync(work).filter((folder) => folder.startsWith('darwin-'))) {
    const file = join(work, name, 'sluice.node');
    const stamp = join(work, name, 'stamp');
    if (!existsSync(file)) continue;
    if (!existsSync(stamp) || readFileSync(stamp, 'utf8').trim() !== addonStamp()) {
      throw new CommandFailed(`${file} is outdated: run the workflow prebuilds again`);
    }
    files[name] = file;
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(addonStamp());
