// The fault table as text.

const ms = (x) => (x < 10 ? x.toFixed(1) : x.toFixed(0));

const COLUMNS = [
  ['fault', ({ name }) => name],
  ['rule', ({ rule }) => rule],
  ['seed', ({ seed }) => seed],
  ['checks', ({ checks }) => checks],
  ['by the rule', ({ byRule }) => byRule],
  ['errors', ({ errors }) => errors],
  ['strays', ({ strays }) => strays],
  ['over', ({ over }) => over.toFixed(0)],
  ['bound', ({ bound }) => bound.toFixed(0)],
  ['p50 ms', ({ p50 }) => ms(p50)],
  ['p99 ms', ({ p99 }) => ms(p99)],
  ['longest ms', ({ longest }) => ms(longest)],
];

/** Markdown, one line for each of `lines`: what measure() gives, with `name`, `rule`, `seed` and `bound`. */
export function tableOf(lines) {
  const cells = [COLUMNS.map(([title]) => title)];
  for (const line of lines) cells.push(COLUMNS.map(([, read]) => String(read(line))));
  const widths = COLUMNS.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const write = (row) =>
    `| ${row.map((text, i) => (i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i < 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [write(cells[0]), rule, ...cells.slice(1).map(write)].join('\n');
}
