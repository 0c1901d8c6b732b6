// The child of redis.mjs: one subject, with many decisions and a fixed number of them in flight.
import { readFileSync } from 'node:fs';
import { serve } from './lib/child.mjs';
import { collectGarbage } from './lib/gc.mjs';
import { percentile } from './lib/stats.mjs';
import { makeWorkload, verify } from './lib/workload.mjs';
import { redisSubjects } from './redis-subjects.mjs';

// Reading the clock adds to a decision's cost: with many in flight, only some calls are timed.
const TIMED_ONE_IN = 8;

const { name, ports, cluster, policies, callsPerKey } = JSON.parse(process.argv[2]);
const shape = { name, callsPerKey, warm: 0 };
const { capacity } = makeWorkload({ ...shape, keyCount: 1, seed: 1 });
// The first policy denies; the others have quota left.
const limits = Array.from({ length: policies }, (_, i) => capacity * 2 ** i);
const subject = await redisSubjects[name]({ ports, cluster, limits });

serve(
  {
    /** Calls every key `callsPerKey` times, `underWay` calls at a time. Redis must hold none of the keys. */
    async run({ underWay, keyCount, seed }) {
      const workload = makeWorkload({ ...shape, keyCount, seed });
      const { calls } = workload;
      const tally = { next: 0, admitted: 0, decided: 0, millis: [] };
      const timedOneIn = underWay === 1 ? 1 : TIMED_ONE_IN;
      collectGarbage();

      const cpu = process.cpuUsage();
      const mainThread = mainThreadMicros();
      const start = performance.now();
      await Promise.all(
        Array.from({ length: underWay }, () => keepOneUnderWay(calls, tally, timedOneIn)),
      );
      const seconds = (performance.now() - start) / 1000;
      const mainThreadUsed = mainThreadMicros() - mainThread;
      const { user, system } = process.cpuUsage(cpu);

      verify(workload, name, tally);
      return {
        calls: calls.length,
        perSecond: calls.length / seconds,
        cpuMicros: (user + system) / calls.length,
        mainThreadMicros: mainThreadUsed / calls.length,
        p50Micros: percentile(tally.millis, 0.5) * 1000,
        p99Micros: percentile(tally.millis, 0.99) * 1000,
      };
    },
  },
  () => subject.close(),
);

async function keepOneUnderWay(calls, tally, timedOneIn) {
  for (let i = tally.next++; i < calls.length; i = tally.next++) {
    const timed = i % timedOneIn === 0;
    const start = timed ? performance.now() : 0;
    try {
      if (subject.admitted(await subject.decide(calls[i]))) tally.admitted++;
    } catch (error) {
      subject.denied(error);
    }
    tally.decided++;
    if (timed) tally.millis.push(performance.now() - start);
  }
}

/** CPU time of the JavaScript thread; NaN if the system does not provide it. */
function mainThreadMicros() {
  try {
    const [nanos] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
    return Number(nanos) / 1000;
  } catch {
    return Number.NaN;
  }
}
