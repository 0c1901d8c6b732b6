// Memory stores of one name: one store for all worker threads of a process.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  memory,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';

const LIMIT = 500;
const policies = {
  bucket: tokenBucket({ capacity: LIMIT, refill: 1, every: '1h' }),
  cells: gcra({ limit: 1, every: '1h', burst: LIMIT }),
  fixed: fixedWindow({ limit: LIMIT, window: '1d' }),
  sliding: slidingWindow({ limit: LIMIT, window: '1d' }),
  log: slidingLog({ limit: LIMIT, window: '1d' }),
  slots: concurrency({ limit: LIMIT, ttl: '1h' }),
};

/** A worker in whose scope are `sluice`, `policies`, `name` (of the store) and `say`. */
function work(name, body) {
  const source = `
    const { parentPort, workerData: name } = require('node:worker_threads');
    const sluice = require('sluice');
    const { concurrency, createLimiter, fixedWindow, gcra, memory, slidingLog, slidingWindow, tokenBucket } = sluice;
    const LIMIT = ${LIMIT};
    const policies = {
      bucket: tokenBucket({ capacity: LIMIT, refill: 1, every: '1h' }),
      cells: gcra({ limit: 1, every: '1h', burst: LIMIT }),
      fixed: fixedWindow({ limit: LIMIT, window: '1d' }),
      sliding: slidingWindow({ limit: LIMIT, window: '1d' }),
      log: slidingLog({ limit: LIMIT, window: '1d' }),
      slots: concurrency({ limit: LIMIT, ttl: '1h' }),
    };
    const say = (what) => parentPort.postMessage(what);
    ${body}
  `;
  return new Worker(source, { eval: true, execArgv: [], workerData: name });
}
const said = async (worker) => (await once(worker, 'message'))[0];

for (const [name, policy] of Object.entries(policies)) {
  test(`${name}: what threads admit together is the limit, exactly`, async () => {
    const store = `sum ${name}`;
    const mine = createLimiter({ policies: policy, store: memory({ name: store }) });
    const workers = Array.from({ length: 4 }, () =>
      work(
        store,
        `const limiter = createLimiter({ policies: policies.${name}, store: memory({ name }) });
         let admitted = 0;
         for (let i = 0; i < LIMIT; i++) if (limiter.checkSync('k').allowed) admitted += 1;
         say(admitted);`,
      ),
    );
    const sums = await Promise.all(workers.map(said));
    assert.equal(
      sums.reduce((a, b) => a + b),
      LIMIT,
      sums.join(' + '),
    );
    assert.equal(mine.checkSync('k').allowed, false);
  });
}

test('several policies over threads: never more than any of them says', async () => {
  const store = 'all or none';
  const mine = createLimiter({ policies, store: memory({ name: store }) });
  const workers = Array.from({ length: 3 }, () =>
    work(
      store,
      `const limiter = createLimiter({ policies, store: memory({ name }) });
       let admitted = 0;
       for (let i = 0; i < LIMIT; i++) if (limiter.checkSync('k').allowed) admitted += 1;
       say(admitted);`,
    ),
  );
  const sums = await Promise.all(workers.map(said));
  const admitted = sums.reduce((a, b) => a + b);
  assert.ok(admitted <= LIMIT, `${admitted} admitted`);
  const left = (await mine.peek('k', { cost: 0 })).policies;
  for (const { policy, remaining } of left) assert.equal(remaining, LIMIT - admitted, policy);
});

test('a slot taken in one thread is free again when that thread releases it, and not before', async () => {
  const store = 'slots';
  const one = concurrency({ limit: 1, ttl: '1h' });
  const mine = createLimiter({ policies: one, store: memory({ name: store }) });
  const worker = work(
    store,
    `const limiter = createLimiter({ policies: concurrency({ limit: 1, ttl: '1h' }), store: memory({ name }) });
     const { holder } = limiter.checkSync('k');
     say('held');
     parentPort.once('message', async () => { say(await holder.release()); });`,
  );
  assert.equal(await said(worker), 'held');
  assert.equal(mine.checkSync('k').allowed, false);
  worker.postMessage('let go');
  assert.equal(await said(worker), true);
  assert.equal(mine.checkSync('k').allowed, true);
});

test('a thread that waits gets the slot that another gives back', async () => {
  const store = 'waiting';
  const mine = createLimiter({
    policies: concurrency({ limit: 1, ttl: '1h' }),
    store: memory({ name: store }),
  });
  const { holder } = mine.checkSync('k');
  const worker = work(
    store,
    `const limiter = createLimiter({ policies: concurrency({ limit: 1, ttl: '1h' }), store: memory({ name }) });
     limiter.wait('k').then(({ allowed }) => say(allowed));
     say('waiting');`,
  );
  assert.equal(await said(worker), 'waiting');
  await holder.release();
  assert.equal(await said(worker), true);
});

test('blocks, debits and resets are seen by all threads', async () => {
  const store = 'verbs';
  const mine = createLimiter({ policies, store: memory({ name: store }) });
  const worker = work(
    store,
    `const limiter = createLimiter({ policies, store: memory({ name }) });
     (async () => {
       await limiter.block('blocked', '1h');
       await limiter.debit('debited', LIMIT);
       await limiter.debit('reset', 5);
       say('done');
     })();`,
  );
  assert.equal(await said(worker), 'done');
  assert.equal(mine.checkSync('blocked').allowed, false);
  assert.equal(mine.checkSync('debited').allowed, false);
  await mine.reset('reset');
  assert.equal(mine.checkSync('reset', { cost: LIMIT }).allowed, true);
});

test('the state of an ended thread stays while the name is in use', async () => {
  const store = 'outlives';
  const held = memory({ name: store });
  const worker = work(
    store,
    `createLimiter({ policies, store: memory({ name }) }).checkSync('k', { cost: 7 });
     say('done');`,
  );
  const exited = once(worker, 'exit');
  assert.equal(await said(worker), 'done');
  await exited;
  const { remaining } = createLimiter({ policies: policies.log, store: held }).checkSync('k');
  assert.equal(remaining, LIMIT - 1, 'another name of the policy');
  const left = createLimiter({ policies, store: held }).checkSync('k').policies[4].remaining;
  assert.equal(left, LIMIT - 8);
});
