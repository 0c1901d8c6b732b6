// The lines of the Redis script that ran, read from the logs of the probed script.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The calls per line: a Map of counts by line of the sent script. */
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
 * The source of each line of a script: `{ file, number, text }`, in order. Like scripts/compose.cmake, it
 * replaces the lines `-- @include part.lua` by the parts.
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
 * The lines that can run, by file: `[{ file, lines: [{ number, count }] }]`. `text` is the sent script,
 * `probed` the numbers of its lines with a probe, `counts` the result of `countsIn`.
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
