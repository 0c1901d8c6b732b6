// The load during faults: processes that check all the time.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/redis-server.mjs';

/** Both rules run at once: each has half of the load, over one connection per process. */
export const RULES = ['local', 'throw'];

/** For a few keys, a bucket that the load empties at once and that refills more slowly than a short fault lasts. */
export const LOAD = {
  policy: { capacity: 200, refill: 100, every: '1s' },
  keys: 3,
  processes: 2,
  loops: 16,
  pauseMs: 4,
  options: { deadlineMs: 500, denialCache: false },
};

/** The checks per second of LOAD, with so many in flight that a server that hangs meets a crowd. */
export const crowd = { loops: 128, pauseMs: 32 };

/** Starts the processes. They connect, and check nothing until they receive `go`. */
export async function startWorkers({ processes, ...load }, { store, workerEnv = {} }, seed) {
  const workers = Array.from({ length: processes }, (_, i) => {
    const given = { ...load, store, rules: RULES, prefix: 'faults', seed: seed + i };
    const file = new URL('./worker.mjs', import.meta.url);
    return fork(file, [JSON.stringify(given)], {
      env: { ...process.env, ...workerEnv },
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
    });
  });
  try {
    await Promise.all(workers.map((worker) => messageOf(worker, 'ready')));
    return workers;
  } catch (error) {
    for (const worker of workers) worker.kill('SIGKILL');
    throw error;
  }
}

/** Resolves when the store answers the checks of every worker again. */
export const recovery = (workers) => allSay(workers, 'watch', 'recovered');

/** Makes every worker record its memory, open files and threads. */
export const takeStock = (workers) => allSay(workers, 'takeStock', 'counted');

async function allSay(workers, question, answer) {
  const answers = workers.map((worker) => messageOf(worker, answer));
  for (const worker of workers) worker.send(question);
  await Promise.all(answers);
}

/** Ends a worker's load; resolves to its `{ asked, answered, outcomes, reasons, stats, resources, records }`. */
export async function reportOf(worker) {
  let report;
  worker.on('message', (message) => {
    if (typeof message === 'object') report = message;
  });
  worker.send('report');
  await until('a worker reports', () => report);
  return report;
}

/** Resolves at the worker's next message with this text. Rejects if the worker ends first. */
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
