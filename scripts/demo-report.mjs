// The report on the demo's traffic, with checks that its claims are true.

import { DemoError } from './demo-error.mjs';

const COUNTS = ['sent', 'allowed', 'limited'];

const sum = (results, field) => results.reduce((total, row) => total + row[field], 0);

function printTable(rows) {
  const cells = rows.map((row) => row.map(String));
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  for (const [name, ...numbers] of cells) {
    const padded = numbers.map((text, i) => text.padStart(widths[i + 1]));
    console.log(`  ${[name.padEnd(widths[0]), ...padded].join('   ')}`);
  }
}

function printResponse({ statusCode, statusMessage, rawHeaders, body }) {
  console.log(`  HTTP/1.1 ${statusCode} ${statusMessage}`);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    console.log(`  ${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  console.log(`\n  ${body}`);
}

function describeStore(servers, store, runaway) {
  if (servers === 1) return '';
  return store === 'memory'
    ? `\nEach of the ${servers} servers has a bucket of its own, so 'runaway' was admitted ${runaway.allowed} times. With --redis URL they share one.`
    : `\nThe ${servers} servers share one bucket in Redis, so 'runaway' was admitted ${runaway.allowed} times.`;
}

/** Prints a table, one denial and an explanation. Throws DemoError if the explanation does not hold. */
export function report({ results, seconds }, { servers, store }) {
  const [steady, , runaway] = results;
  const { denial } = runaway;
  if (denial === undefined) throw new DemoError('no request was limited');

  // The server describes its policy in the header: a bucket of `quota`, full again after `window` seconds.
  const [, quota, window] = denial.headers['ratelimit-policy'].match(/;q=(\d+);w=(\d+)/);
  const perSecond = quota / window;
  const most = Math.floor(Number(quota) + perSecond * seconds);
  // Cut, not rounded, so that a reader's own product gives the same number.
  const shown = (Math.floor(seconds * 100) / 100).toFixed(2);
  const buckets = store === 'memory' ? servers : 1;

  const places = servers === 1 ? 'One server' : `${servers} servers, called in turn`;
  console.log(`${places}; limits in ${store === 'memory' ? 'memory' : 'Redis'}.`);
  console.log(`Each caller may send ${quota} requests at once and ${perSecond} more a second.\n`);
  printTable([
    ['caller', 'pace', 'sent', 'admitted', 'limited'],
    ...results.map((row) => [row.name, `${row.perSecond}/s`, ...COUNTS.map((c) => row[c])]),
    ['all', '', ...COUNTS.map((field) => sum(results, field))],
  ]);
  console.log(
    `\nIn these ${shown} s one bucket admits a caller ${most} times at most.${describeStore(servers, store, runaway)}`,
  );
  console.log("\nThe first denial of 'runaway':\n");
  printResponse(denial);

  const claims = [
    [steady.limited === 0, 'a caller slower than the rate is never limited'],
    [results.every((row) => row.allowed <= most * buckets), 'no bucket admits more than it holds'],
    [buckets === 1 || runaway.allowed > most, 'several buckets admit more than one can'],
  ];
  for (const [holds, claim] of claims) {
    if (!holds) throw new DemoError(`this should hold, and did not: ${claim}`);
  }
}

/** The one line of --json. */
export function jsonLine({ results }, store) {
  const [requests, allowed, limited] = COUNTS.map((field) => sum(results, field));
  const { headers } = results.at(-1).denial;
  return JSON.stringify({ requests, allowed, limited, store, headers });
}
