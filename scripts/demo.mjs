// npm run demo: sets up, builds, serves a limited Express API, sends it traffic, shows what happened.

import { parseArgs } from 'node:util';
import { startServers, stopServers } from './demo-servers.mjs';
import { callers, sendTraffic } from './demo-traffic.mjs';
import { buildPackage, CommandFailed, setUp } from './lib/steps.mjs';

const USAGE = `npm run demo -- [flags]

Serves the API in examples/express-api on a free port, lets three callers of different pace
call it for three seconds, and shows what was admitted and what was limited.

  --redis URL     keep the limits in the Redis at URL, not in the server's memory
  --replicas N    1 to 8 servers; the callers' requests go to one after the other
  --serve         serve until stopped, for requests of your own, in place of the callers
  --json          end with one line of JSON: {"requests","allowed","limited","store","headers"}
  --no-build      use what is built already
  --help          print this`;

/** What a person can mend: shown without a stack. */
class DemoError extends Error {}

function readFlags(args) {
  try {
    const { values: flags } = parseArgs({
      args,
      options: {
        redis: { type: 'string' },
        replicas: { type: 'string', default: '1' },
        serve: { type: 'boolean' },
        json: { type: 'boolean' },
        'no-build': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (!/^[1-8]$/.test(flags.replicas)) {
      throw new DemoError(`--replicas must be 1 to 8; got '${flags.replicas}'`);
    }
    if (flags.serve && flags.json) throw new DemoError('--json has nothing to print with --serve');
    return { ...flags, replicas: Number(flags.replicas) };
  } catch (error) {
    if (!(error instanceof DemoError) && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
    console.error(`demo: ${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Asks the Redis one question, so that a wrong URL is told here and not hidden by a failure rule. */
async function checkRedis(url) {
  const { createLimiter, redis, tokenBucket } = await import('sluice');
  try {
    const limiter = createLimiter({
      policies: tokenBucket({ capacity: 1, every: '1s' }),
      store: redis(url),
      prefix: 'sluice-demo',
      onStoreError: 'throw',
      deadlineMs: 2000,
    });
    try {
      await limiter.peek('demo');
    } finally {
      await limiter.close();
    }
  } catch (error) {
    if (!error.code?.startsWith('ERR_SLUICE_')) throw error;
    throw new DemoError(`cannot use the Redis given by --redis: ${error.message}`);
  }
}

function printTable(rows) {
  const cells = rows.map((row) => row.map(String));
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  for (const [name, ...numbers] of cells) {
    const padded = numbers.map((text, i) => text.padStart(widths[i + 1]));
    console.log([name.padEnd(widths[0]), ...padded].join('   '));
  }
}

function printResponse({ statusCode, statusMessage, rawHeaders, body }) {
  console.log(`  HTTP/1.1 ${statusCode} ${statusMessage}`);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    console.log(`  ${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  }
  console.log(`\n  ${body}`);
}

/** The most that one bucket admits of one caller in that time, by what the server says of its policy. */
function mostOfOneBucket(denial, seconds) {
  const [, quota, window] = denial.headers['ratelimit-policy']
    .match(/;q=(\d+);w=(\d+)/)
    .map(Number);
  return Math.floor(quota + (quota / window) * seconds);
}

/** Throws unless what the demo claims is what happened. */
function verify(results, { most, buckets }) {
  const [steady, , runaway] = results;
  const claims = [
    [steady.limited === 0, 'a caller below the rate is never limited'],
    [results.every((r) => r.allowed <= most * buckets), 'a bucket admits no more than it holds'],
    [
      buckets === 1 || runaway.allowed > most,
      'buckets that nobody shares admit more than one does',
    ],
  ];
  for (const [holds, claim] of claims) {
    if (!holds) throw new DemoError(`this should hold, and did not: ${claim}`);
  }
}

async function showTraffic(urls, { redis: redisUrl, json }) {
  const store = redisUrl === undefined ? 'memory' : 'redis';
  const { results, seconds } = await sendTraffic(urls);
  const sum = (field) => results.reduce((total, row) => total + row[field], 0);
  const columns = ['sent', 'allowed', 'limited'];
  printTable([
    ['caller', 'pace', 'sent', 'admitted', 'limited'],
    ...results.map((row) => [row.name, `${row.perSecond}/s`, ...columns.map((c) => row[c])]),
    ['all', '', ...columns.map(sum)],
  ]);

  const { denial, allowed } = results.at(-1);
  if (denial === undefined) throw new DemoError('no request was limited');
  console.log("\nOne answer to 'runaway':\n");
  printResponse(denial);

  const most = mostOfOneBucket(denial, seconds);
  const buckets = store === 'memory' ? urls.length : 1;
  console.log(
    `\nIn ${seconds.toFixed(1)} s one bucket admits at most ${most} requests of one caller.`,
  );
  if (urls.length > 1) {
    console.log(
      store === 'memory'
        ? `${urls.length} servers, each with a bucket of its own in memory, admitted ${allowed} of 'runaway'. With --redis URL they share one.`
        : `${urls.length} servers share one bucket in Redis: they admitted ${allowed} of 'runaway'.`,
    );
  }
  verify(results, { most, buckets });
  if (json) {
    const [requests, total, limited] = columns.map(sum);
    console.log(
      JSON.stringify({ requests, allowed: total, limited, store, headers: denial.headers }),
    );
  } else {
    console.log(`
The server is examples/express-api/server.mjs. Go on with:
  npm run demo -- --serve                      send requests of your own
  npm run demo -- --replicas 3                 three servers, each limiting in its own memory
  npm run demo -- --replicas 3 --redis URL     three servers, one limit`);
  }
}

function showCurl(urls) {
  console.log('Serving until stopped (Ctrl-C). Send more than 20 of these in a row:\n');
  for (const url of urls) console.log(`  curl -i -H 'x-api-key: ${callers[0].apiKey}' ${url}`);
}

async function main(flags) {
  if (flags.help) return console.log(USAGE);
  if (!flags['no-build']) {
    await setUp('demo');
    await buildPackage();
  }
  if (flags.redis !== undefined) await checkRedis(flags.redis);
  const urls = await startServers(flags.replicas, flags.redis);
  if (flags.serve) return showCurl(urls);
  try {
    await showTraffic(urls, flags);
  } finally {
    stopServers();
  }
}

const flags = readFlags(process.argv.slice(2));
// Ends the servers too: they are stopped on exit, which a signal alone would not bring about.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(flags.serve ? 0 : 1));
}
try {
  await main(flags);
} catch (error) {
  if (!(error instanceof DemoError || error instanceof CommandFailed)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
