// Which lines of the Redis script ran, from the logs that the probed script left behind.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How many calls ran each line: a Map of counts by line of the script as it is sent. */
export function countsIn(folder) {
  const counts = new Map();
  for (const file of readdirSync(folder)) {
    for (const [, line] of readFileSync(join(folder, file), 'latin1').matchAll(/@line (\d+)$/gm)) {
      counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1);
    }
  }
  return counts;
}

/**
 * Where each line of a script comes from: `{ file, number, text }`, in order. Parts are put in the place
 * of lines that say `-- @include part.lua`, as scripts/compose.cmake does.
 */
export function originsOf(file) {
  return readFileSync(file, 'utf8')
    .replace(/\n$/, '')
    .split('\n')
    .flatMap((text, index) => {
      const part = text.match(/^ *-- @include (\w+\.lua)$/)?.[1];
      if (part) return originsOf(join(dirname(file), part));
      return [{ file, number: index + 1, text: text.trim() }];
    });
}

/**
 * The lines that can run, file by file: `[{ file, lines: [{ number, count }] }]`. `text` is the script
 * as it is sent, `probed` the numbers of its lines that have a probe, `counts` as of `countsIn`.
 */
export function luaFiles({ text, probed, counts, origins }) {
  const sent = text.split('\n');
  const files = new Map();
  for (const line of probed) {
    const { file, number, text: wanted } = origins[line - 1];
    if (sent[line - 1].trim() !== wanted) {
      throw new Error(`line ${line} of the script is not line ${number} of ${file}`);
    }
    if (!files.has(file)) files.set(file, []);
    files.get(file).push({ number, count: counts.get(line) ?? 0 });
  }
  return [...files].map(([file, lines]) => ({ file, lines }));
}
