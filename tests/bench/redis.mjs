// Decisions in Redis, over loopback. Workloads:
//
//   one policy       one Redis
//   three policies   one Redis; the first policy denies
//   cluster          one policy, three masters
// each with
//   1 in flight      calls one after the other: the wait of a single request
//   64 in flight     a busy process
//   512 in flight    a process at its limit
//
// The bench starts its own servers and empties them before each run. Each key is called 50 times in random order, and
// is admitted 45 times. There are 1,000 keys, 300 with three policies, 60 with 1 in flight.
//
// Each subject stays in one child process, which waits while the others have their turn. So the CPU time of a
// process belongs to one subject, with all threads, and no subject suffers from the heap or the compiled code of
// another. CPU time is the child's, with the calling loop (the same for all), and the servers' (INFO cpu).
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { Child } from './lib/child.mjs';
import { inTurn } from './lib/rounds.mjs';
import { clusterSubjects, redisSubjects } from './redis-subjects.mjs';

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

const ALL = Object.keys(redisSubjects);
const SECTIONS = [
  { section: 'one policy', names: ALL, policies: 1, keyCount: 1000, cluster: false },
  { section: 'three policies', names: ALL, policies: 3, keyCount: 300, cluster: false },
  { section: 'cluster', names: clusterSubjects, policies: 1, keyCount: 1000, cluster: true },
];

export async function benchRedis(report, options) {
  for (const section of SECTIONS) await benchSection(report, section, options);
  addTargets(report);
}

async function benchSection(report, { section, names, policies, keyCount, cluster }, options) {
  const { rounds, quick, seed, sluice } = options;
  const callsPerKey = quick ? 10 : 100;
  const started = cluster ? await startCluster() : await startRedis();
  const ports = (cluster ? started.nodes : [started]).map(({ port }) => port);
  const admins = ports.map((port) => new Redis({ host: '127.0.0.1', port }));
  const subjects = names
    .filter((name) => sluice || name !== SLUICE)
    .map((name) => {
      const args = JSON.stringify({ name, ports, cluster, policies, callsPerKey });
      return { name, process: new Child(child, [args]) };
    });
  try {
    for (const underWay of [1, 64, 512]) {
      const params = { underWay, keyCount: underWay === 1 || quick ? 60 : keyCount, seed };
      const run = (subject) => measure(admins, subject.process, params);
      await inTurn(subjects, 1, run); // connects, loads the script, compiles
      const results = await inTurn(subjects, rounds, run);
      for (const { metric, unit, field } of METRICS) {
        for (const [index, { name: subject }] of subjects.entries()) {
          const samples = results[index].map((result) => result[field]);
          report.add({ metric, unit, workload: nameOf(section, underWay), subject, samples });
        }
      }
    }
  } finally {
    await Promise.all(subjects.map(({ process }) => process.stop()));
    await Promise.all(admins.map((admin) => admin.quit()));
    await started.stop();
  }
}

async function measure(admins, process, params) {
  await Promise.all(admins.map((admin) => admin.flushall('SYNC')));
  const before = await cpuMicros(admins);
  const result = await process.call('run', params);
  return { ...result, redisMicros: ((await cpuMicros(admins)) - before) / result.calls };
}

async function cpuMicros(admins) {
  const infos = await Promise.all(admins.map((admin) => admin.info('cpu')));
  const seconds = (info, field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)[1]);
  const used = infos.map((i) => seconds(i, 'used_cpu_sys') + seconds(i, 'used_cpu_user'));
  return used.reduce((sum, one) => sum + one, 0) * 1e6;
}

function nameOf(section, underWay) {
  return `${section}, ${underWay} in flight`;
}

function addTargets(report) {
  const compare = (section, peer, bounds = {}) => {
    const one = (metric, underWay, bound) => {
      const workload = nameOf(section, underWay);
      report.target({
        what: `${metric}, ${workload}, against ${peer}`,
        value: report.median(metric, workload, SLUICE) / report.median(metric, workload, peer),
        ...bound,
      });
    };
    one('decisions', 512, bounds.decisions);
    one('Node CPU per decision', 512, bounds.nodeCpu);
    one('Redis CPU per decision', 512, bounds.redisCpu);
    one('p50', 1, bounds.p50);
    one('Node CPU per decision', 1, bounds.nodeCpuAtOne);
  };
  compare('one policy', PEER, {
    decisions: { atLeast: 4 },
    nodeCpu: { atMost: 1 / 8 },
    redisCpu: { atMost: 1 / 3 },
    p50: { atMost: 1.1 },
    nodeCpuAtOne: { atMost: 1 },
  });
  // Off by default in ioredis; users who enable it want this comparison.
  compare('one policy', PIPELINED);
  compare('three policies', PEER);
  compare('three policies', PIPELINED);
  compare('cluster', PEER, { decisions: { atLeast: 3.5 } });
}
