// onStoreError 'local': the limiters of a process that share policies in Redis share them during an outage, too.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { concurrency, createLimiter, fixedWindow, redis, slidingLog, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';

// Nothing listens here.
const url = 'redis://127.0.0.1:1';
let prefixes = 0;
const nextPrefix = () => `outage${prefixes++}`;
const window = (limit) => fixedWindow({ limit, window: '1h' });

function limiterOver(t, options) {
  const limiter = createLimiter({ store: redis(url), onStoreError: 'local', ...options });
  t.after(() => limiter.close());
  return limiter;
}

/** How many of 20 checks each is admitted, in turns. */
async function admitted(...ask) {
  const counts = ask.map(() => 0);
  for (let i = 0; i < 20; i++) {
    for (const [at, check] of ask.entries()) {
      const { allowed, source } = await check();
      assert.equal(source, 'local');
      if (allowed) counts[at]++;
    }
  }
  return counts;
}
const sum = (counts) => counts.reduce((total, count) => total + count, 0);

for (const [name, policy] of Object.entries({
  tokenBucket: tokenBucket({ capacity: 7, refill: 1, every: '1h' }),
  fixedWindow: window(7),
  slidingLog: slidingLog({ limit: 7, window: '1h' }),
})) {
  test(`${name}: two limiters of one policy admit together what the policy says`, async (t) => {
    const prefix = nextPrefix();
    const [a, b] = [1, 2].map(() => limiterOver(t, { policies: { api: policy }, prefix }));
    assert.equal(
      sum(
        await admitted(
          () => a.check('k'),
          () => b.check('k'),
        ),
      ),
      7,
    );
    assert.equal((await b.check('another')).allowed, true);
  });
}

test('two plans share the policy that they share in Redis, each by its own limit', async (t) => {
  const limiter = limiterOver(t, {
    plans: { free: { daily: window(5) }, pro: { daily: window(12) } },
    prefix: nextPrefix(),
  });
  const free = () => limiter.check('k', { plan: 'free' });
  const pro = () => limiter.check('k', { plan: 'pro' });
  for (let i = 0; i < 5; i++) assert.equal((await free()).allowed, true);
  assert.equal((await free()).allowed, false);
  assert.equal((await pro()).remaining, 6, 'an upgrade keeps what was used');
});

test('localShare is each limiter its own share of one count', async (t) => {
  const prefix = nextPrefix();
  const policies = { api: window(8) };
  const half = limiterOver(t, { policies, prefix, localShare: 0.5 });
  const whole = limiterOver(t, { policies, prefix });
  assert.deepEqual(await admitted(() => half.check('k')), [4]);
  assert.deepEqual(await admitted(() => whole.check('k')), [4]);
});

test('another prefix, database or server is another count', async (t) => {
  const prefix = nextPrefix();
  const policies = { api: window(3) };
  const others = [
    { policies, prefix },
    { policies, prefix: nextPrefix() },
    { policies, prefix, store: redis(`${url}/1`) },
    { policies, prefix, store: redis('redis://127.0.0.1:2') },
  ].map((options) => limiterOver(t, options));
  assert.deepEqual(await admitted(...others.map((one) => () => one.check('k'))), [3, 3, 3, 3]);
});

test('a slot that one limiter took is held for the other, and may be released by the first', async (t) => {
  const prefix = nextPrefix();
  const policies = { slots: concurrency({ limit: 1, ttl: '1h' }) };
  const [a, b] = [1, 2].map(() => limiterOver(t, { policies, prefix }));
  const { holder } = await a.check('k');
  assert.equal((await b.check('k')).allowed, false);
  assert.equal(await holder.release(), true);
  assert.equal((await b.check('k')).allowed, true);
});

test('a limiter made during the outage goes on where the others are', async (t) => {
  const prefix = nextPrefix();
  const policies = { api: window(4) };
  const first = limiterOver(t, { policies, prefix });
  for (let i = 0; i < 3; i++) await first.check('k');
  const second = limiterOver(t, { policies, prefix });
  assert.deepEqual(await admitted(() => second.check('k')), [1]);
});

for (const [name, { open, close }] of Object.entries(CLIENTS)) {
  test(`over two clients of ${name} and a URL of one server`, async (t) => {
    const prefix = nextPrefix();
    const policies = { api: window(6) };
    const clients = [1, 2].map(() => open(url));
    t.after(() => clients.map(close));
    const stores = [redis(url), ...clients.map((client) => redis({ client }))];
    const limiters = stores.map((store) => limiterOver(t, { policies, prefix, store }));
    assert.equal(sum(await admitted(...limiters.map((one) => () => one.check('k')))), 6);
  });
}

test('two worker threads and the main thread admit together what the policy says', async (t) => {
  const prefix = nextPrefix();
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { createLimiter, fixedWindow, redis } = require('sluice');
    const limiter = createLimiter({
      policies: { api: fixedWindow({ limit: 9, window: '1h' }) },
      store: redis(workerData.url),
      prefix: workerData.prefix,
    });
    parentPort.on('message', async () => {
      const { allowed, source } = await limiter.check('k');
      parentPort.postMessage({ allowed, source });
    });
  `;
  const workers = [1, 2].map(
    () => new Worker(source, { eval: true, execArgv: [], workerData: { url, prefix } }),
  );
  t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
  const mine = limiterOver(t, { policies: { api: window(9) }, prefix });
  const ofWorkers = workers.map((worker) => async () => {
    worker.postMessage('check');
    return (await once(worker, 'message'))[0];
  });
  assert.equal(sum(await admitted(() => mine.check('k'), ...ofWorkers)), 9);
});

test('an abort counts with the share of its own limit that its call was admitted by', async (t) => {
  const limiter = limiterOver(t, {
    policies: tokenBucket({ capacity: 100, refill: 2, every: '1h' }),
    localShare: 0.5,
    prefix: nextPrefix(),
  });
  const limits = { default: 6 }; // 3 for this process
  const backlog = async (key) =>
    Math.round((await limiter.peek(key, { cost: 0, limits })).resetAfterMs / 3_600_000);

  // Too small a limit: the other call would count as one that waits behind, and keep the charge.
  const inTime = new AbortController();
  const aborted = limiter.wait('in time', { limits, signal: inTime.signal });
  const behind = limiter.check('in time', { limits });
  inTime.abort();
  await assert.rejects(aborted);
  assert.equal((await behind).remaining, 1);
  assert.equal(await backlog('in time'), 1);

  // Too large a limit: the last call would not count as one that waits, and lose its turn.
  await limiter.check('line', { cost: 3, limits });
  const [first, second, third] = [1, 2, 3].map(() => new AbortController());
  t.after(() => {
    for (const one of [first, second, third]) one.abort(); // Their turns come in hours.
  });
  const calls = [first, second, third].map(({ signal }) =>
    limiter.wait('line', { limits, signal }),
  );
  for (const call of calls) call.catch(() => {});
  assert.equal(await backlog('line'), 6);
  second.abort();
  await assert.rejects(calls[1]);
  assert.equal(await backlog('line'), 6);
  third.abort();
  await assert.rejects(calls[2]);
  assert.equal(await backlog('line'), 4);
  first.abort();
  await assert.rejects(calls[0]);
  assert.equal(await backlog('line'), 3);
});
