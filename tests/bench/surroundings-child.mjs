// The child of surroundings.mjs: one limiter's `checkSync`, in a process that nothing else uses.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createLimiter, memory, tokenBucket } from 'sluice';
import { serve } from './lib/child.mjs';
import { collectGarbage } from './lib/gc.mjs';
import { makeWorkload } from './lib/workload.mjs';

/** Above the calls of any key, so that nothing is denied. */
const CAPACITY = 1e9;

const open = (store = memory()) =>
  createLimiter({ policies: tokenBucket({ capacity: CAPACITY, every: '90d' }), store });

function callAll(limiter, calls) {
  let admitted = 0;
  for (const key of calls) if (limiter.checkSync(key).allowed) admitted++;
  if (admitted !== calls.length) throw new Error(`admitted ${admitted} of ${calls.length} calls`);
}

/** Prepares the process, or the store. */
const SURROUNDINGS = {
  async alone() {},
  async 'ten limiters'(_, calls) {
    const others = Array.from({ length: 9 }, () => open());
    for (const other of others) callAll(other, calls.slice(0, 1000));
    globalThis.others = others;
  },
  async 'after a block'(limiter) {
    await limiter.block('somebody else', '1d');
  },
};

if (isMainThread) {
  const { name, seed, keyCount, callCount } = JSON.parse(process.argv[2]);
  const callsOf = (seed) =>
    makeWorkload({ name, keyCount, callsPerKey: callCount / keyCount, seed }).calls;
  const surround = SURROUNDINGS[name];
  serve(surround === undefined ? await threads(Number(name)) : await single());

  async function single() {
    const limiter = open();
    const calls = callsOf(seed);
    await surround(limiter, calls);
    callAll(limiter, calls);
    return {
      /** The CPU time of a call, in ns. */
      run() {
        collectGarbage();
        const cpu = process.cpuUsage();
        callAll(limiter, calls);
        const { user, system } = process.cpuUsage(cpu);
        return ((user + system) * 1e3) / calls.length;
      },
    };
  }

  /** Calls of one store on `count` threads at once, each with its own keys. */
  async function threads(count) {
    const workers = Array.from({ length: count }, (_, i) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: callsOf(seed + i) });
      worker.unref();
      return worker;
    });
    const askAll = async () =>
      Promise.all(
        workers.map((worker) => {
          const answer = new Promise((resolve, reject) => {
            worker.once('message', resolve);
            worker.once('error', reject);
          });
          worker.postMessage('run');
          return answer;
        }),
      );
    await askAll(); // compiles
    return {
      /** Calls a second of all threads together. */
      async run() {
        const times = await askAll();
        const start = Math.max(...times.map(([began]) => began));
        const end = Math.min(...times.map(([, ended]) => ended));
        // The rate while all ran; each made its calls at an even pace.
        const made = times.reduce(
          (sum, [began, ended]) => sum + (end - start) / (ended - began),
          0,
        );
        return (made * callCount * 1000) / (end - start);
      },
    };
  }
} else {
  const limiter = open(memory({ name: 'threads' }));
  parentPort.on('message', () => {
    const began = performance.timeOrigin + performance.now();
    callAll(limiter, workerData);
    parentPort.postMessage([began, performance.timeOrigin + performance.now()]);
  });
}
