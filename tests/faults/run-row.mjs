// Runs one row of the fault table: a set-up, load by several processes, a fault in its midst, and the measure of it.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../support/random.mjs';
import { until } from '../support/redis-server.mjs';
import { worstOverAdmission } from './over-admission.mjs';
import { now, readRecords } from './record.mjs';

/** Both rules are run at once: half of the load each, over one connection a process. */
export const RULES = ['local', 'throw'];

/** A bucket that the load empties at once and that takes longer to refill than a short fault, for a few keys. */
export const LOAD = {
  policy: { capacity: 200, refill: 100, every: '1s' },
  keys: 3,
  processes: 2,
  loops: 16,
  pauseMs: 4,
  options: { deadlineMs: 250 },
};

/**
 * A row:
 *
 * - `name`
 * - `setUp({ seed })`: resolves to a fixture: `{ store, stop }` and whatever the fault needs; `store` is what
 *   `redis()` is given, as JSON; `stop()` ends everything, always
 * - `fault({ fixture, random, full, workers, run })`: makes the fault, and resolves when it is over; may count in
 *   `run` what the bound speaks of. `full`: the fault's full length, else a short one
 * - `unseen: true`: the fault is none to callers: the store decides every check all the same
 * - `bound(run)`: the most units that a key may be admitted beyond its policy, under each rule: `{ local, throw }`.
 *   `run` holds `faults` (how many), `faultSeconds` (their sum, until the store was back), `capacity`, `perSecond`,
 *   `processes`, and what `fault` counted
 * - `skip`: why it cannot be run here
 * - `load`: in place of some of LOAD
 * - `verify({ checks, workers, run, fixture })`: more assertions; `workers`: each one's `{ asked, answered, stats }`
 *
 * Resolves to `{ run, checks, workers, windows, rules }`, the last one entry for each rule; see measure().
 */
export async function runRow(row, { seed, full = false }) {
  const load = { ...LOAD, ...row.load };
  const { capacity, refill } = load.policy;
  const run = {
    faults: full ? 3 : 1,
    faultSeconds: 0,
    capacity,
    perSecond: refill,
    processes: load.processes,
  };
  const random = seededRandom(seed);
  const fixture = await row.setUp({ seed });
  let workers = [];
  try {
    workers = await startWorkers(load, fixture.store, seed);
    for (const worker of workers) worker.send('go');
    const windows = [];
    for (let i = 0; i < run.faults; i++) {
      await sleep(300 + 400 * random());
      const from = now();
      await row.fault({ fixture, random, full, workers, run });
      await recovery(workers);
      windows.push({ from, to: now() });
    }
    await sleep(500);
    run.faultSeconds = windows.reduce((sum, { from, to }) => sum + (to - from) / 1000, 0);
    const results = await Promise.all(workers.map(reportOf));
    const checks = results.flatMap(({ records }) => readRecords(records, RULES));
    const rules = RULES.map((rule) => {
      const own = checks.filter((check) => check.rule === rule);
      return { rule, bound: row.bound(run)[rule], ...measure(own, row.unseen ? [] : windows, run) };
    });
    await row.verify?.({ checks, workers: results, run, fixture });
    return { run, checks, windows, rules, workers: results };
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await fixture.stop();
  }
}

async function startWorkers({ processes, ...load }, store, seed) {
  const workers = Array.from({ length: processes }, (_, i) => {
    const given = { ...load, store, rules: RULES, prefix: 'faults', seed: seed + i };
    const file = new URL('./worker.mjs', import.meta.url);
    return fork(file, [JSON.stringify(given)], { serialization: 'advanced' });
  });
  await Promise.all(workers.map((worker) => messageOf(worker, 'ready')));
  return workers;
}

/** Resolves when every worker's checks are answered by the store again. */
async function recovery(workers) {
  const recovered = workers.map((worker) => messageOf(worker, 'recovered'));
  for (const worker of workers) worker.send('watch');
  await Promise.all(recovered);
}

async function reportOf(worker) {
  let report;
  worker.on('message', (message) => {
    if (typeof message === 'object') report = message;
  });
  worker.send('report');
  await until('a worker reports', () => report);
  return report;
}

/** Resolves at the worker's next message of this text. A worker that ends before is a failure. */
async function messageOf(worker, text) {
  const ended = new AbortController();
  const left = once(worker, 'exit', { signal: ended.signal }).then(([code, signal]) => {
    throw new Error(`a worker ended (${signal ?? code}) before it was '${text}'`);
  });
  left.catch(() => {});
  const heard = (async () => {
    for (;;) {
      const [message] = await once(worker, 'message', { signal: ended.signal });
      if (message === text) return;
    }
  })();
  heard.catch(() => {});
  const slow = sleep(90_000, undefined, { ref: false, signal: ended.signal }).then(() => {
    throw new Error(`not in 90 s: a worker is '${text}'`);
  });
  slow.catch(() => {});
  try {
    await Promise.race([heard, left, slow]);
  } finally {
    ended.abort();
  }
}

/**
 * Of the checks under one rule: how many, how many the store did not answer within the faults and outside of them
 * (`strays`), the worst over-admission of a key, and the times in ms of those that met a fault.
 */
export function measure(checks, windows, { capacity, perSecond }) {
  const meets = ({ start, end }) => windows.some(({ from, to }) => start <= to && end >= from);
  const inFault = checks.filter(meets);
  const byKey = groupByKey(checks);
  const over = [...byKey.values()].map((ofKey) =>
    worstOverAdmission(
      ofKey.filter(({ admitted }) => admitted),
      capacity,
      perSecond / 1000,
    ),
  );
  const times = (windows.length > 0 ? inFault : checks).map(({ start, end }) => end - start);
  times.sort((a, b) => a - b);
  const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? 0;
  return {
    checks: checks.length,
    admitted: checks.filter(({ admitted }) => admitted).length,
    inFault: inFault.length,
    byRule: inFault.filter(({ byStore }) => !byStore).length,
    errors: checks.filter(({ outcome }) => outcome === 'error').length,
    strays: checks.filter((check) => !check.byStore && !meets(check)).length,
    over: Math.max(0, ...over),
    p50: quantile(0.5),
    p99: quantile(0.99),
    longest: times.at(-1) ?? 0,
  };
}

function groupByKey(checks) {
  const groups = new Map();
  for (const check of checks) {
    const group = groups.get(check.key);
    if (group) group.push(check);
    else groups.set(check.key, [check]);
  }
  return groups;
}
