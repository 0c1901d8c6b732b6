// npm run demo: sets up, builds, serves a limited Express API, sends it traffic and shows the results.

import { parseArgs } from 'node:util';
import { DemoError } from './demo-error.mjs';
import { jsonLine, report } from './demo-report.mjs';
import { startServers, stopServers } from './demo-servers.mjs';
import { callers, sendTraffic } from './demo-traffic.mjs';
import { buildPackage, CommandFailed, setUp } from './lib/steps.mjs';

const USAGE = `npm run demo -- [flags]

Serves the API in examples/express on a free port, lets three callers of different pace
call it for three seconds, and shows what was admitted and what was limited.

  --redis URL     keep the limits in the Redis at URL, not in the server's memory
  --replicas N    1 to 8 servers; the callers' requests go to one after the other
  --serve         serve until stopped, for requests of your own, in place of the callers
  --json          end with one line of JSON: {"requests","allowed","limited","store","headers"}
  --no-build      use what is built already
  --help          print this`;

const NEXT = `
The server is examples/express/server.mjs. Go on with:
  npm run demo -- --serve                      send requests of your own
  npm run demo -- --replicas 3                 three servers, each limiting in its own memory
  npm run demo -- --replicas 3 --redis URL     three servers, one limit`;

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

/** Sends Redis one command, so that a wrong URL fails here and no failure rule hides it. */
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

function showCurl(urls) {
  console.log('Serving until stopped (Ctrl-C). Send more than 20 of these in a row:\n');
  for (const url of urls) console.log(`  curl -i -H 'x-api-key: ${callers[0].apiKey}' ${url}`);
}

async function main(flags) {
  if (flags.help) return console.log(USAGE);
  if (!flags['no-build']) {
    await setUp('demo');
    console.log('demo: building (the first time takes about a minute)');
    await buildPackage();
    console.log();
  }
  if (flags.redis !== undefined) await checkRedis(flags.redis);
  const store = flags.redis === undefined ? 'memory' : 'redis';
  const urls = await startServers(flags.replicas, flags.redis);
  if (flags.serve) return showCurl(urls);
  const traffic = await sendTraffic(urls);
  stopServers();
  report(traffic, { servers: urls.length, store });
  console.log(flags.json ? jsonLine(traffic, store) : NEXT);
}

const flags = readFlags(process.argv.slice(2));
if (flags.serve) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
}
try {
  await main(flags);
} catch (error) {
  stopServers();
  if (!(error instanceof DemoError || error instanceof CommandFailed)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
