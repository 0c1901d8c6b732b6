// Decisions in Redis, over loopback. Workloads:
//
//   1 under way      calls one after the other: what a single request waits for
//   64 under way     a busy process
//   512 under way    a process at its limit
//
// A Redis of the bench's own, emptied before each run. Each key (100 of them with 1 under way, else 1,000)
// is called 100 times in random order, and may be 90 times.
//
// Each subject lives in one child process all along, and waits while the others have their turn: so
// the CPU time of a process is one subject's, threads and all, and neither the heap nor the compiled
// code of one weighs on another. CPU time is the child's, the calling loop included (the same for
// all), and the server's (INFO cpu), which does not know who calls.
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.mjs';
import { Child } from './lib/child.mjs';
import { inTurn } from './lib/rounds.mjs';
import { redisSubjects } from './redis-subjects.mjs';

const SLUICE = 'sluice';
const PEER = 'rate-limiter-flexible + ioredis';
const PIPELINED = 'the same, auto-pipelining';
const child = fileURLToPath(new URL('redis-child.mjs', import.meta.url));

const METRICS = [
  { metric: 'decisions', unit: '1/s', field: 'perSecond' },
  { metric: 'Node CPU per decision', unit: 'us', field: 'cpuMicros' },
  { metric: 'of it the main thread', unit: 'us', field: 'mainThreadMicros' },
  { metric: 'Redis CPU per decision', unit: 'us', field: 'redisMicros' },
  { metric: 'p50', unit: 'us', field: 'p50Micros' },
  { metric: 'p99', unit: 'us', field: 'p99Micros' },
];

export async function benchRedis(report, { rounds, quick, seed, sluice }) {
  const callsPerKey = quick ? 10 : 100;
  const server = await startRedis();
  const admin = new Redis({ host: '127.0.0.1', port: server.port });
  const names = Object.keys(redisSubjects).filter((name) => sluice || name !== SLUICE);
  const subjects = names.map((name) => ({
    name,
    process: new Child(child, [name, String(server.port), String(callsPerKey)]),
  }));
  try {
    for (const underWay of [1, 64, 512]) {
      const keyCount = underWay === 1 || quick ? 100 : 1000;
      const run = (subject) => measure(admin, subject.process, { underWay, keyCount, seed });
      await inTurn(subjects, 1, run); // connects, loads the script, compiles
      const results = await inTurn(subjects, rounds, run);
      for (const { metric, unit, field } of METRICS) {
        for (const [index, { name: subject }] of subjects.entries()) {
          const samples = results[index].map((result) => result[field]);
          report.add({ metric, unit, workload: nameOf(underWay), subject, samples });
        }
      }
    }
  } finally {
    await Promise.all(subjects.map(({ process }) => process.stop()));
    await admin.quit();
    await server.stop();
  }
  addTargets(report);
}

async function measure(admin, process, params) {
  await admin.flushall('SYNC');
  const before = await cpuMicros(admin);
  const result = await process.call('run', params);
  return { ...result, redisMicros: ((await cpuMicros(admin)) - before) / result.calls };
}

async function cpuMicros(admin) {
  const info = await admin.info('cpu');
  const seconds = (field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)[1]);
  return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6;
}

function nameOf(underWay) {
  return `${underWay} under way`;
}

function addTargets(report) {
  const compare = (metric, underWay, peer, bound) => {
    const workload = nameOf(underWay);
    report.target({
      what: `${metric}, ${workload}, against ${peer}`,
      value: report.median(metric, workload, SLUICE) / report.median(metric, workload, peer),
      ...bound,
    });
  };
  compare('decisions', 512, PEER, { atLeast: 4 });
  compare('Node CPU per decision', 512, PEER, { atMost: 1 / 8 });
  compare('Redis CPU per decision', 512, PEER, { atMost: 1 / 2 });
  compare('p50', 1, PEER, { atMost: 1.2 });
  // ioredis leaves this off unless asked; who has asked for it will want to know.
  compare('decisions', 512, PIPELINED);
  compare('Node CPU per decision', 512, PIPELINED);
  compare('Redis CPU per decision', 512, PIPELINED);
  compare('p50', 1, PIPELINED);
}
