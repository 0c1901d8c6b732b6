// Which lines of the Redis script ran, from the logs that the probed script left behind.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** How often each line was the first of its kind in a run of the script: a Map of counts by line. */
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
 * The lines that can run, file by file: `[{ file, lines: [{ number, count }] }]`.
 * `whole` is the script as it is sent to Redis, `probed` the numbers of its lines that have a probe.
 * A line belongs to the source file whose text stands in the script as one piece around it, else to
 * the script itself, called `name`.
 */
export function luaFiles({ name, whole, probed, counts, sources }) {
  const files = new Map();
  const pieces = sources
    .map(({ file, text }) => ({ file, at: whole.indexOf(text.trim()), text: text.trim() }))
    .filter(({ at }) => at >= 0)
    .map(({ file, at, text }) => ({
      file,
      first: lineOf(whole, at),
      last: lineOf(whole, at + text.length),
    }));
  for (const line of probed) {
    const piece = pieces.find(({ first, last }) => first <= line && line <= last);
    const file = piece?.file ?? name;
    const number = piece ? line - piece.first + 1 : line;
    if (!files.has(file)) files.set(file, []);
    files.get(file).push({ number, count: counts.get(line) ?? 0 });
  }
  return [...files].map(([file, lines]) => ({ file, lines }));
}

const lineOf = (text, at) => text.slice(0, at).split('\n').length;

/** The scripts' source files in a folder, longest first, so that a file that holds another comes first. */
export function sourcesIn(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.lua'))
    .map((file) => ({
      file: join(basename(folder), file),
      text: readFileSync(join(folder, file), 'utf8'),
    }));
}
