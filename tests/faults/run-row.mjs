// Runs one row of the fault table: a set-up, load by several processes, a fault during it, and the measurement.

import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../support/random.mjs';
import { LOAD, RULES, recovery, reportOf, startWorkers } from './load.mjs';
import { measure } from './measure.mjs';
import { now, readRecords } from './record.mjs';

/**
 * A row:
 *
 * - `name`
 * - `setUp({ seed })`: resolves to a fixture: `{ store, stop }` and the fault's tools. `store` is the argument of
 *   `redis()`, as JSON; `workerEnv` is more of the load's environment; `stop()` ends everything in any case
 * - `fault({ fixture, random, full, workers, run })`: makes the fault, and resolves when it is over. It may count
 *   inputs of the bound in `run`. `full`: the fault's full length, else a short one
 * - `unseen: true`: callers do not notice the fault: the store decides every check
 * - `bound(run)`: the most units that a key may be admitted beyond its policy, under each rule: `{ local, throw }`.
 *   `run` holds `faults` (their number), `faultSeconds` (their sum, until the store was back), `capacity`,
 *   `perSecond`, `processes`, `checksUnderWay` (a process's maximum, under each rule), and the counts of `fault`
 * - `skip`: the reason why it cannot run here
 * - `load`: replaces parts of LOAD
 * - `verify({ workers, run, fixture })`: more assertions. `workers`: the report of each (see worker.mjs), with its
 *   `records` as `checks`. Resolves to a note, or nothing
 *
 * Resolves to `{ run, checks, workers, windows, rules, note }`: `rules` has one entry for each rule, see measure();
 * `note` is the note of verify.
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
    checksUnderWay: load.loops / RULES.length,
  };
  const random = seededRandom(seed);
  const fixture = await row.setUp({ seed });
  let workers = [];
  try {
    workers = await startWorkers(load, fixture, seed);
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
    for (const result of results) result.checks = readRecords(result.records, RULES);
    const checks = results.flatMap((result) => result.checks);
    const rules = RULES.map((rule) => {
      const own = checks.filter((check) => check.rule === rule);
      return { rule, bound: row.bound(run)[rule], ...measure(own, row.unseen ? [] : windows, run) };
    });
    const note = await row.verify?.({ workers: results, run, fixture });
    return { run, checks, windows, rules, workers: results, note };
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await fixture.stop();
  }
}
