// Decisions in this process. Workloads:
//
//   1 key                  every call asks for the same key
//   1,000 keys             in random order
//   100,000 keys           in random order
//   1,000 keys, joined     each key concatenated at its call, as a middleware does
//   100,000 keys, joined
//   bytes per key          growth of a child process that holds 250,000 / 500,000 / 1,000,000 keys
//   growth                 every single check on the way to 10,000,000 keys, by CPU time (C++)
//
// Keys are flat strings made beforehand, but for `joined`. One call in ten is denied; see lib/workload.mjs.
// Each round opens a limiter, calls every key once unmeasured, then measures all calls at one stretch.
import { measureFootprint } from './footprint.mjs';
import { measureGrowth } from './growth.mjs';
import { inTurn } from './lib/rounds.mjs';
import { makeWorkload, verify } from './lib/workload.mjs';
import { CHECK, CHECK_SYNC, EXPRESS, FLEXIBLE, FLOOR, memorySubjects } from './memory-subjects.mjs';

const METRIC = 'time per call';

export async function benchMemory(report, { rounds, quick, seed, sluice }) {
  const subjects = memorySubjects(sluice);
  for (const workload of workloads(quick, seed)) {
    const samples = await inTurn(subjects, rounds, (subject) => nanosPerCall(subject, workload));
    for (const [index, { name: subject }] of subjects.entries()) {
      report.add({
        metric: METRIC,
        unit: 'ns',
        workload: workload.name,
        subject,
        samples: samples[index],
      });
    }
  }
  addTargets(report);
  await measureFootprint(report, { quick, sluice });
  if (sluice) await measureGrowth(report, { rounds: quick ? 1 : 3, quick });
}

function* workloads(quick, seed) {
  const calls = quick ? 20_000 : 500_000;
  const make = (name, keyCount, concatenated = false) =>
    makeWorkload({
      name,
      keyCount: quick ? Math.min(keyCount, 1000) : keyCount,
      callsPerKey: Math.max(5, calls / keyCount),
      seed,
      concatenated,
    });
  yield make('1 key', 1);
  yield make('1,000 keys', 1000);
  yield make('100,000 keys', 100_000);
  yield make('1,000 keys, joined', 1000, true);
  yield make('100,000 keys, joined', 100_000, true);
}

async function nanosPerCall(subject, workload) {
  const { keys, calls, prefix, capacity } = workload;
  const limiter = await subject.open(capacity);
  await subject.pass(limiter, keys, prefix);
  globalThis.gc?.(); // what the last subject left behind is not this one's to clear away
  const start = performance.now();
  const counts = await subject.pass(limiter, calls, prefix);
  const elapsedMs = performance.now() - start;
  await subject.close(limiter, prefix === null ? keys : keys.map((id) => prefix + id));
  verify(subject.decides === false ? { ...workload, admitted: 0 } : workload, subject.name, counts);
  return (elapsedMs * 1e6) / calls.length;
}

function addTargets(report) {
  const ratio = (workload, a, b) =>
    report.median(METRIC, workload, a) / report.median(METRIC, workload, b);
  const some = '1,000 keys';
  const many = '100,000 keys';
  for (const [workload, flexible, express, floor] of [
    [some, 15, 1.5, 2.3],
    [many, 6, 1.7, 4],
  ]) {
    report.target({
      what: `checkSync faster than ${FLEXIBLE} consume, ${workload}`,
      value: ratio(workload, FLEXIBLE, CHECK_SYNC),
      atLeast: flexible,
    });
    report.target({
      what: `checkSync faster than ${EXPRESS} increment, ${workload}`,
      value: ratio(workload, EXPRESS, CHECK_SYNC),
      atLeast: express,
    });
    report.target({
      what: `checkSync slower than a ${FLOOR}, ${workload}`,
      value: ratio(workload, CHECK_SYNC, FLOOR),
      atMost: floor,
    });
  }
  report.target({
    what: `await check faster than ${FLEXIBLE} consume, ${some}`,
    value: ratio(some, FLEXIBLE, CHECK),
    atLeast: 4,
  });
}
