// An Express app behind each middleware. Workload:
//
//   one caller       GET / over 50 kept-alive connections; nothing is denied, headers are on
//
// Each app is a child process that idles while the others have their turn; this process makes the load
// (autocannon). Each response shows the remaining quota. It must fall by exactly the number of requests,
// which proves that every request was counted.
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { Child } from './lib/child.mjs';
import { inTurn } from './lib/rounds.mjs';

const BARE = 'no limiter';
const SLUICE = 'sluice';
const PEER = 'express-rate-limit';
const CONNECTIONS = 50;
const LIMIT = 5_000_000;
const WORKLOAD = 'one caller';
const child = fileURLToPath(new URL('http-child.mjs', import.meta.url));

const METRICS = [
  { metric: 'requests', unit: '1/s', field: 'perSecond' },
  { metric: 'server CPU per request', unit: 'us', field: 'cpuMicros' },
];

export async function benchHttp(report, { rounds, quick, sluice }) {
  const names = [BARE, SLUICE, PEER, 'the same, draft 8 headers'];
  const subjects = [];
  try {
    for (const name of names.filter((each) => sluice || each !== SLUICE)) {
      const process = new Child(child, [name, String(LIMIT)]);
      subjects.push({ name, process });
    }
    for (const subject of subjects) {
      subject.url = `http://127.0.0.1:${await subject.process.call('port')}/`;
    }
    const amount = quick ? 500 : 20_000;
    await inTurn(subjects, 1, (subject) => measure(subject, amount)); // compiles
    const results = await inTurn(subjects, rounds, (subject) => measure(subject, amount));
    for (const { metric, unit, field } of METRICS) {
      for (const [index, { name: subject }] of subjects.entries()) {
        const samples = results[index].map((result) => result[field]);
        report.add({ metric, unit, workload: WORKLOAD, subject, samples });
      }
    }
  } finally {
    await Promise.all(subjects.map(({ process }) => process.stop()));
  }
  addTargets(report);
}

async function measure({ name, url, process }, amount) {
  const leftBefore = await remaining(url);
  const cpuBefore = await process.call('cpuMicros');
  const { result, seconds } = await load(url, amount);
  const cpuMicros = ((await process.call('cpuMicros')) - cpuBefore) / amount;
  const leftAfter = await remaining(url);

  if (result['2xx'] !== amount || result.errors > 0) {
    throw new Error(`${name}: ${result['2xx']} of ${amount} answered, ${result.errors} errors`);
  }
  const counted = leftBefore - leftAfter - 1; // the second read is a request too
  if (name !== BARE && (counted > amount || counted < amount - refilledIn(seconds))) {
    throw new Error(`${name}: counted ${counted} of ${amount} requests`);
  }
  return { perSecond: amount / seconds, cpuMicros };
}

/** Sends `amount` requests. `seconds` is the time until the last answer (autocannon itself ends on whole seconds). */
async function load(url, amount) {
  const start = performance.now();
  let last = start;
  const run = autocannon({ url, connections: CONNECTIONS, amount });
  run.on('response', () => {
    last = performance.now();
  });
  return { result: await run, seconds: (last - start) / 1000 };
}

/** The remaining quota, shown by one more request; NaN without a limiter. */
async function remaining(url) {
  const { headers } = await fetch(url);
  const left =
    headers.get('x-ratelimit-remaining') ?? /;\s*r=(\d+)/.exec(headers.get('ratelimit'))?.[1];
  return Number(left ?? Number.NaN);
}

/** The most tokens that flow back meanwhile (90 days for all of LIMIT), plus one for the rounding. */
function refilledIn(seconds) {
  return Math.ceil((seconds + 1) / ((90 * 86_400) / LIMIT)) + 1;
}

function addTargets(report) {
  const share = (subject, metric) =>
    report.median(metric, WORKLOAD, subject) / report.median(metric, WORKLOAD, BARE);
  const against = (subject, metric, bound) =>
    report.target({
      what: `${metric}, ${subject} against the app without`,
      value: share(subject, metric),
      ...bound,
    });
  against(SLUICE, 'requests', { atLeast: 0.94 });
  against(PEER, 'requests');
  report.target({
    what: `requests, ${SLUICE} less ${PEER}, of the app without`,
    value: 100 * (share(SLUICE, 'requests') - share(PEER, 'requests')),
    atLeast: 3,
    unit: 'points',
  });
  against(SLUICE, 'server CPU per request');
  against(PEER, 'server CPU per request');
}
