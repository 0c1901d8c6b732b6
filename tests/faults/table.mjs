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

/** The worst result of any seed, by fault. */
const WORST = [
  ['fault', ({ local }) => local[0].name],
  ['seeds', ({ local }) => local.length],
  ["over, 'local'", ({ local }) => most(local, 'over').over.toFixed(0)],
  ['bound', ({ local }) => most(local, 'over').bound.toFixed(0)],
  ["over, 'throw'", ({ throw: rows }) => most(rows, 'over').over.toFixed(0)],
  ['bound', ({ throw: rows }) => most(rows, 'over').bound.toFixed(0)],
  ['p99 ms', (rules) => ms(most(Object.values(rules).flat(), 'p99').p99)],
  ['longest ms', (rules) => ms(most(Object.values(rules).flat(), 'longest').longest)],
];

const most = (lines, name) =>
  lines.reduce((worst, line) => (line[name] > worst[name] ? line : worst));

/** Markdown, one line per entry of `lines`: results of measure() with `name`, `rule`, `seed` and `bound`. */
export const tableOf = (lines) => write(COLUMNS, lines, 2);

/** The same with one line for each fault. */
export function worstOf(lines) {
  const faults = new Map();
  for (const line of lines) {
    if (!faults.has(line.name)) faults.set(line.name, {});
    const rules = faults.get(line.name);
    rules[line.rule] ??= [];
    rules[line.rule].push(line);
  }
  return write(WORST, [...faults.values()], 1);
}

/** `texts`: the number of columns that are not numbers. */
function write(columns, lines, texts) {
  const cells = [columns.map(([title]) => title)];
  for (const line of lines) cells.push(columns.map(([, read]) => String(read(line))));
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const pad = (text, i) => (i < texts ? text.padEnd(widths[i]) : text.padStart(widths[i]));
  const [titles, ...rows] = cells.map((row) => `| ${row.map(pad).join(' | ')} |`);
  const dashes = (width, i) => (i < texts ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`);
  return [titles, `|${widths.map(dashes).join('|')}|`, ...rows].join('\n');
}
