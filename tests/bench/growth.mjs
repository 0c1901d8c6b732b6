// The slowest single check while the memory store grows, from the C++ program (growth.cc).
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { growthProgram } from './lib/native.mjs';

/** One for each kind of state: gcra and leakyBucket have the state of tokenBucket. */
const ALGORITHMS = ['tokenBucket', 'fixedWindow', 'slidingWindow', 'slidingLog', 'concurrency'];

export async function measureGrowth(report, { rounds, quick }) {
  const keys = quick ? 200_000 : 10_000_000;
  for (const algorithm of ALGORITHMS) {
    const runs = [];
    for (let round = 0; round < rounds; round++) {
      const args = [algorithm, String(keys), String(2 * keys)];
      const { stdout } = await promisify(execFile)(growthProgram, args);
      runs.push(JSON.parse(stdout));
    }
    addRuns(report, `${algorithm}, to ${keys.toLocaleString('en-US')} keys`, runs);
  }
}

function addRuns(report, workload, runs) {
  const metric = 'single check while growing, CPU time';
  for (const [subject, field] of [
    ['slowest', 'max'],
    ['p99.9999', 'p999999'],
    ['median', 'median'],
    ["of it the clock's own", 'clock'],
  ]) {
    report.add({ metric, unit: 'ns', workload, subject, samples: runs.map((run) => run[field]) });
  }
  report.target({
    what: `slowest single check, ${workload}`,
    value: report.median(metric, workload, 'slowest') / 1e6,
    atMost: 1,
    unit: 'ms',
  });
}
