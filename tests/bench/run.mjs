// `npm run bench`: Sluice and its peers side by side, in one run, beside the targets.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { buildPackage, cmake, setUp } from '../../scripts/lib/steps.mjs';
import { Report } from './lib/report.mjs';

const USAGE = `usage: npm run bench -- [memory|redis|http]... [options]
  --json FILE    write everything measured to FILE
  --rounds N     how often each is measured, in turn (default 7; with --quick 2)
  --quick        few calls: shows that it runs, its figures mean nothing
  --peers        leave Sluice out
  --no-build     take Sluice as it was built last
SLUICE_SEED chooses the order of the keys (default 1).
`;

const BENCHES = {
  memory: async () => (await import('./memory.mjs')).benchMemory,
  redis: async () => (await import('./redis.mjs')).benchRedis,
  http: async () => (await import('./http.mjs')).benchHttp,
};

function parse(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) throw new Error(`no bench is called '${unknown}'`);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 7));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error('--rounds wants a whole number >= 1');
  const seed = Number(process.env.SLUICE_SEED ?? 1);
  if (!Number.isInteger(seed)) throw new Error('SLUICE_SEED wants a whole number');
  return {
    ...values,
    noBuild: values['no-build'],
    rounds,
    seed,
    benches: positionals.length > 0 ? positionals : Object.keys(BENCHES),
  };
}

/** Sets up and builds the chosen benches. */
async function build({ benches, peers, noBuild }) {
  if (!noBuild) await setUp('bench');
  if (benches.includes('memory')) {
    await cmake('bench', ['sluice_bench_floor', ...(peers ? [] : ['sluice_bench_growth'])]);
  }
  if (!peers && !noBuild) await buildPackage();
}

async function main(options) {
  await build(options);
  const sluice = options.peers ? null : await import('sluice');
  const facts = {
    node: process.version,
    cpu: cpus()[0].model,
    cpus: cpus().length,
    rounds: options.rounds,
    seed: options.seed,
    quick: options.quick,
  };
  const { node, cpu, rounds, seed } = facts;
  console.log(`Node ${node}, ${facts.cpus} x ${cpu}, ${rounds} rounds in turn, seed ${seed}`);
  console.log('Medians (fastest-slowest round).');
  if (options.quick) console.log('--quick: the figures below mean nothing.');

  const benches = {};
  for (const name of options.benches) {
    const report = new Report();
    const bench = await BENCHES[name]();
    await bench(report, { rounds, quick: options.quick, seed, sluice });
    console.log(`\n== ${name}`);
    report.print();
    benches[name] = report;
  }
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ ...facts, benches }, null, 2)}\n`);
  }
}

let options;
try {
  options = parse(process.argv.slice(2));
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) console.log(USAGE);
else await main(options);
