// Decisions in memory. Workloads:
//
//   1 key                  every call has the same key
//   1,000 keys             in random order
//   100,000 keys           in random order
//   1,000 keys, joined     each key concatenated at its call, as a middleware does
//   100,000 keys, joined
//   1,000 keys, denied     nine calls in ten are denied: callers who do not stop
//   100,000 keys, denied
//   surroundings           `checkSync` alone, with nine other limiters in the process, after a block in the store,
//                          and on two threads at once
//   each algorithm         `checkSync`, 1,000 and 100,000 keys in random order
//   bytes per key          growth of a child process that holds 250,000 / 500,000 / 1,000,000 keys;
//                          for each algorithm 1,000,000, one call each
//   growth                 every single check on the way to 10,000,000 keys, by CPU time (C++), for
//                          each kind of state
//
// Keys are flat strings made beforehand, except for `joined`. One call in ten is denied, except for `denied`.
// A denial takes rate-limiter-flexible several times as long as an admission (it rejects a promise), so that
// share decides the result. lib/workload.mjs computes the expected counts.
// Each round opens a limiter, calls every key once unmeasured, then measures all calls without a pause.
import { measureFootprint } from './footprint.mjs';
import { measureGrowth } from './growth.mjs';
import { collectGarbage } from './lib/gc.mjs';
import { inTurn } from './lib/rounds.mjs';
import { makeWorkload, verify } from './lib/workload.mjs';
import {
  algorithmSubjects,
  CHECK,
  CHECK_SYNC,
  EXPRESS,
  FLEXIBLE,
  FLOOR,
  memorySubjects,
} from './memory-subjects.mjs';
import { measureSurroundings } from './surroundings.mjs';

const TIME = 'time per call';
// Shown beside the time: on a busy machine it varies less. Includes the collector's threads.
const CPU = 'CPU time per call';

export async function benchMemory(report, { rounds, quick, seed, sluice }) {
  const keyCounts = quick ? [1, 100, 1000] : [1, 1000, 100_000];
  const calls = quick ? 20_000 : 1_000_000;
  const all = workloads(keyCounts, calls, seed);
  await measureTimes(report, memorySubjects(sluice), all, rounds);
  addTargets(report, keyCounts);
  if (sluice) {
    const some = all.slice(1, 3);
    await measureTimes(report, algorithmSubjects(sluice), some, rounds, 'checkSync by algorithm, ');
    await measureSurroundings(report, { rounds, quick, seed });
  }
  await measureFootprint(report, { quick, sluice });
  if (sluice) await measureGrowth(report, { rounds: quick ? 1 : 3, quick });
}

async function measureTimes(report, subjects, all, rounds, kind = '') {
  for (const workload of all) {
    const results = await inTurn(subjects, rounds, (subject) => nanosPerCall(subject, workload));
    for (const time of [TIME, CPU]) {
      const metric = kind + time;
      for (const [index, { name: subject }] of subjects.entries()) {
        const samples = results[index].map((result) => result[time]);
        report.add({ metric, unit: 'ns', workload: workload.name, subject, samples });
      }
    }
  }
}

function workloads([one, some, many], calls, seed) {
  const make = (keyCount, variant, options) =>
    makeWorkload({
      name: nameOf(keyCount, variant),
      keyCount,
      callsPerKey: calls / keyCount,
      seed,
      ...options,
    });
  return [
    make(one),
    make(some),
    make(many),
    make(some, 'joined', { concatenated: true }),
    make(many, 'joined', { concatenated: true }),
    make(some, 'denied', { deniedShare: 0.9 }),
    make(many, 'denied', { deniedShare: 0.9 }),
  ];
}

function nameOf(keyCount, variant) {
  const keys = keyCount === 1 ? '1 key' : `${keyCount.toLocaleString('en-US')} keys`;
  return variant === undefined ? keys : `${keys}, ${variant}`;
}

async function nanosPerCall(subject, workload) {
  const { keys, calls, prefix, capacity } = workload;
  const limiter = await subject.open(capacity);
  await subject.pass(limiter, keys, prefix);
  collectGarbage();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const counts = await subject.pass(limiter, calls, prefix);
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const evicted = limiter?.stats?.().memory?.evicted;
  await subject.close(limiter, prefix === null ? keys : keys.map((id) => prefix + id));
  const expected = subject.decides === false ? { ...workload, admitted: 0 } : workload;
  verify(expected, subject.name, { ...counts, evicted });
  return {
    [TIME]: (elapsedMs * 1e6) / calls.length,
    [CPU]: ((user + system) * 1e3) / calls.length,
  };
}

function addTargets(report, [oneKey, someKeys, manyKeys]) {
  const one = nameOf(oneKey);
  const some = nameOf(someKeys);
  const many = nameOf(manyKeys);
  const [someDenied, manyDenied] = [someKeys, manyKeys].map((count) => nameOf(count, 'denied'));
  const ratio = (workload, a, b) =>
    report.median(TIME, workload, a) / report.median(TIME, workload, b);
  const faster = (own, peer, workload, atLeast) =>
    report.target({
      what: `${own} faster than ${peer}, ${workload}`,
      value: ratio(workload, peer, own),
      atLeast,
    });
  const slower = (own, floor, workload, atMost) =>
    report.target({
      what: `${own} slower than a ${floor}, ${workload}`,
      value: ratio(workload, own, floor),
      atMost,
    });
  faster(CHECK_SYNC, FLEXIBLE, some, 3.2);
  faster(CHECK_SYNC, FLEXIBLE, many, 3.2);
  faster(CHECK_SYNC, FLEXIBLE, someDenied, 9);
  faster(CHECK_SYNC, FLEXIBLE, manyDenied, 6);
  faster(CHECK_SYNC, EXPRESS, one, 1);
  faster(CHECK_SYNC, EXPRESS, some, 1.15);
  faster(CHECK_SYNC, EXPRESS, many, 3);
  slower(CHECK_SYNC, FLOOR, some, 2.2);
  slower(CHECK_SYNC, FLOOR, many, 2.9);
  faster(CHECK, FLEXIBLE, some, 2);
  faster(CHECK, FLEXIBLE, someDenied, 5);
}
