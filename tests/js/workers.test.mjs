// Worker threads, and how a process ends.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();

const cwd = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a module in a process of its own; everything it needs comes in by `argv`. */
function runAlone(source, ...argv) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', source, ...argv],
    { cwd, encoding: 'utf8', timeout: 300_000 },
  );
  assert.equal(signal, null, stderr);
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

/** The text of a worker, to be run with `new Worker(source, { eval: true, execArgv: [] })`: CommonJS, as the process's own flags do not apply. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
const { createLimiter, memory, redis, tokenBucket } = require('sluice');
const policies = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });
`;

test('workers that open a memory store of one name share its state', () => {
  const out = runAlone(
    `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { createLimiter, memory, tokenBucket } from 'sluice';
    const policies = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });
    const mine = createLimiter({ policies, store: memory({ name: 'shared' }) });
    const source = ${JSON.stringify(`${WORKER}
      const limiter = createLimiter({ policies, store: memory({ name: 'shared' }) });
      let admitted = 0;
      for (let i = 0; i < 500; i++) if (limiter.checkSync('k').allowed) admitted += 1;
      parentPort.postMessage(admitted);
    `)};
    const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, execArgv: [] }));
    const admitted = await Promise.all(workers.map(async (w) => (await once(w, 'message'))[0]));
    console.log(admitted.reduce((a, b) => a + b), mine.checkSync('k').allowed);
    `,
  );
  assert.equal(out, '1000 false');
});

test('a name that is open with other options is refused', () => {
  const out = runAlone(`
    import { createLimiter, memory, tokenBucket } from 'sluice';
    const held = memory({ name: 'n', maxKeys: 10 });
    try { memory({ name: 'n', maxKeys: 11 }); } catch (error) { console.log(error.code); }
    try { memory({ name: 'n', maxKeys: 10, clock: { now: () => 0 } }); } catch (error) { console.log(error.code); }
    memory({ name: 'n', maxKeys: 10 });
  `);
  assert.equal(out, 'ERR_SLUICE_STORE_CLASH\nERR_SLUICE_STORE_CLASH');
});

test('only a worker loads the addon, and ends: the process lives on', () => {
  const out = runAlone(
    `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const source = ${JSON.stringify(`${WORKER}
      const limiter = createLimiter({ policies, store: redis(workerData), onStoreError: 'throw', deadlineMs: 60_000 });
      limiter.check('k').then((d) => parentPort.postMessage(d.source));
    `)};
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(source, { eval: true, execArgv: [], workerData: process.argv[1] });
      const exited = once(worker, 'exit');
      const [source_] = await once(worker, 'message');
      if (source_ !== 'store') throw new Error(source_);
      await exited;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log('alive');
    `,
    server.url,
  );
  assert.equal(out, 'alive');
});

test('a worker that is terminated with checks pending takes nothing down', () => {
  const out = runAlone(
    `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { createLimiter, redis, tokenBucket } from 'sluice';
    const source = ${JSON.stringify(`${WORKER}
      const limiter = createLimiter({ policies, store: redis(workerData), deadlineMs: 60_000 });
      const run = () => limiter.check('k' + Math.random()).then(run);
      for (let i = 0; i < 200; i++) run();
      setTimeout(() => parentPort.postMessage('busy'), 50);
    `)};
    const mine = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1h' }), prefix: 'mine', store: redis(process.argv[1]), onStoreError: 'throw', deadlineMs: 60_000 });
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(source, { eval: true, execArgv: [], workerData: process.argv[1] });
      await once(worker, 'message');
      await worker.terminate();
      const { source: by } = await mine.check('main');
      if (by !== 'store') throw new Error(by);
    }
    console.log('alive');
    `,
    server.url,
  );
  assert.equal(out, 'alive');
});

test('an idle limiter does not keep the process alive', () => {
  const out = runAlone(
    `
    import { createLimiter, redis, tokenBucket } from 'sluice';
    const limiter = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1h' }), store: redis(process.argv[1]) });
    await limiter.check('k');
    console.log('done');
    `,
    server.url,
  );
  assert.equal(out, 'done');
});

test('a pending check keeps the process alive until it is answered', async () => {
  const out = runAlone(
    `
    import { createLimiter, redis, tokenBucket } from 'sluice';
    const limiter = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1h' }), store: redis(process.argv[1]), deadlineMs: 60_000 });
    limiter.check('k').then((decision) => console.log(decision.source));
    `,
    server.url,
  );
  assert.equal(out, 'store');
});

test('process.exit with checks pending, and no Redis at all, ends cleanly', async () => {
  const url = `redis://127.0.0.1:${await freePort()}`;
  for (const where of [url, server.url]) {
    runAlone(
      `
      import { createLimiter, redis, tokenBucket } from 'sluice';
      const limiter = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1h' }), store: redis(process.argv[1]) });
      for (let i = 0; i < 100; i++) limiter.check('k' + i);
      setTimeout(() => process.exit(0), 1);
      `,
      where,
    );
  }
});
