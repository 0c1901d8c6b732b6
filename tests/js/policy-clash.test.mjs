// ERR_SLUICE_POLICY_CLASH: limiters that would share counts in Redis, and read them differently.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  memory,
  redis,
  tokenBucket,
} from 'sluice';

// A clash is reported before anything is sent to Redis: nothing listens here.
const url = 'redis://127.0.0.1:1';
let prefixes = 0;
const nextPrefix = () => `clash${prefixes++}`;
const make = (policies, options) => createLimiter({ policies, store: redis(url), ...options });
const window = (extra) => fixedWindow({ limit: 5, window: '1h', ...extra });
const clash = { name: 'SluiceError', code: 'ERR_SLUICE_POLICY_CLASH' };

test('other numbers, options or algorithms under one name, server and prefix are refused', async () => {
  const prefix = nextPrefix();
  const first = make({ api: window(), other: window() }, { prefix });
  for (const api of [
    window({ limit: 6 }),
    window({ window: '2h' }),
    window({ align: 'clock' }),
    window({ blockFor: '1h' }),
    window({ chargeDenied: true }),
    window({ by: 'tenant' }),
    tokenBucket({ capacity: 5, every: '1h' }),
    concurrency({ limit: 5, ttl: '1h' }),
  ]) {
    assert.throws(() => make({ api }, { prefix }), {
      ...clash,
      message: new RegExp(`policy 'api'.*prefix \\('${prefix}'\\)`),
    });
  }
  await first.close();
});

test('the error says both numbers, where the other limiter was made, and where this one', async () => {
  const prefix = nextPrefix();
  const first = make({ api: window() }, { prefix });
  const second = make({ api: window() }, { prefix });
  const makeAnother = () => make({ api: window({ limit: 6 }) }, { prefix });
  // All are made by this file's one call of createLimiter.
  const place = /policy-clash\.test\.mjs:\d+:\d+/.source;
  const message = new RegExp(
    `is fixedWindow\\(limit: 6, window: 3600000\\) here \\(.*${place}\\), but fixedWindow\\(limit: 5, window: 3600000\\) in another limiter .*, made at .*${place}: `,
  );
  assert.throws(makeAnother, { ...clash, message });
  await first.close();
  assert.throws(makeAnother, { ...clash, message }, 'the place of one that is still open');
  await second.close();
  await makeAnother().close();
});

test("the error shows numbers by the names of the policies' own options", async () => {
  const prefix = nextPrefix();
  const first = make({ api: window() }, { prefix });
  const texts = [
    [
      gcra({ limit: 10, every: '1s', burst: 2, blockFor: '1m' }),
      'gcra(burst: 2, limit: 10, every: 1000, blockFor: 60000)',
    ],
    [
      tokenBucket({ capacity: 5, refill: 2, every: '1s' }),
      'tokenBucket(capacity: 5, refill: 2, every: 1000)',
    ],
    [
      leakyBucket({ capacity: 5, leak: 2, every: '1s', mode: 'shape' }),
      "leakyBucket(capacity: 5, leak: 2, every: 1000, mode: 'shape')",
    ],
    [window({ align: 'clock' }), "fixedWindow(limit: 5, window: 3600000, align: 'clock')"],
    [concurrency({ limit: 0, ttl: '1s' }), 'concurrency(limit: 0, ttl: 1000)'],
  ];
  for (const [api, text] of texts) {
    const saysText = (error) => error.message.startsWith(`policy 'api' is ${text} here`);
    assert.throws(() => make({ api }, { prefix }), saysText, text);
  }
  await first.close();
});

test('without a stack to read, the error says the rest', async (t) => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  t.after(() => Object.assign(Error, { prepareStackTrace, stackTraceLimit }));
  const prefix = nextPrefix();
  Error.prepareStackTrace = () => 7;
  const first = make({ api: window() }, { prefix });
  const { message } = (() => {
    try {
      return make({ api: window({ limit: 6 }) }, { prefix });
    } catch (error) {
      return error;
    }
  })();
  assert.match(message, /is fixedWindow\(limit: 6, window: 3600000\) here, but /);
  await first.close();
});

test('the same numbers, or another name, prefix, database or server, are no clash', async () => {
  const prefix = nextPrefix();
  const limiters = [
    make({ api: window() }, { prefix }),
    make({ api: window() }, { prefix }),
    make({ api: window(), more: window({ limit: 9 }) }, { prefix }),
    make({ api: window({ enforce: false }) }, { prefix }),
    make({ name: window({ limit: 6 }) }, { prefix }),
    make({ api: window({ limit: 6 }) }, { prefix: nextPrefix() }),
    make({ api: window({ limit: 6 }) }, { prefix, store: redis(`${url}/3`) }),
    make({ api: window({ limit: 6 }) }, { prefix, store: redis('redis://127.0.0.1:2') }),
    make({ api: window({ limit: 6 }) }, { prefix, store: memory() }),
  ];
  await Promise.all(limiters.map((limiter) => limiter.close()));
});

test('credentials make no difference: it is the server that is shared', async () => {
  const prefix = nextPrefix();
  const first = make({ api: window() }, { prefix, store: redis('redis://a:b@127.0.0.1:1') });
  const store = redis('redis://c:hunter2@127.0.0.1:1');
  assert.throws(
    () => make({ api: window({ limit: 6 }) }, { prefix, store }),
    (error) => error.code === clash.code && !error.message.includes('hunter2'),
  );
  await first.close();
});

test('close gives the name up, for the last that had it', async () => {
  const prefix = nextPrefix();
  const [a, b] = [make({ api: window() }, { prefix }), make({ api: window() }, { prefix })];
  const other = () => make({ api: window({ limit: 6 }) }, { prefix });
  await a.close();
  await a.close();
  assert.throws(other, clash);
  await b.close();
  const third = other();
  assert.throws(() => make({ api: window() }, { prefix }), clash);
  await third.close();
});

test('a limiter that was refused holds no names', async () => {
  const prefix = nextPrefix();
  const first = make({ api: window() }, { prefix });
  assert.throws(() => make({ fresh: window(), api: window({ limit: 6 }) }, { prefix }), clash);
  const second = make({ fresh: window({ limit: 7 }) }, { prefix });
  await Promise.all([first.close(), second.close()]);
});

test('plans of one limiter may differ; two limiters of the same plans are no clash', async () => {
  const prefix = nextPrefix();
  const make = (limits) =>
    createLimiter({
      plans: Object.fromEntries(limits.map((limit) => [`p${limit}`, { daily: window({ limit }) }])),
      store: redis(url),
      prefix,
    });
  const [a, b] = [make([5, 50]), make([50, 5])];
  assert.throws(() => make([5, 51]), clash);
  assert.throws(() => make([5]), clash);
  await Promise.all([a.close(), b.close()]);
});

test('limiters of worker threads clash too, until the thread has ended', async () => {
  const prefix = nextPrefix();
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { createLimiter, fixedWindow, redis } = require('sluice');
    try {
      createLimiter({
        policies: { api: fixedWindow({ limit: workerData.limit, window: '1h' }) },
        store: redis(workerData.url),
        prefix: workerData.prefix,
      });
      parentPort.postMessage('made');
    } catch (error) { parentPort.postMessage(error.code); }
    parentPort.once('message', () => {});
  `;
  const start = (limit) =>
    new Worker(source, { eval: true, execArgv: [], workerData: { limit, url, prefix } });
  const [worker] = [start(5)];
  assert.deepEqual(await once(worker, 'message'), ['made']);
  assert.throws(() => make({ api: window({ limit: 6 }) }, { prefix }), clash);
  const other = start(6);
  assert.deepEqual(await once(other, 'message'), [clash.code]);
  await Promise.all([worker.terminate(), other.terminate()]);
  const mine = make({ api: window({ limit: 6 }) }, { prefix });
  const late = start(5);
  assert.deepEqual(await once(late, 'message'), [clash.code]);
  await Promise.all([late.terminate(), mine.close()]);
});

test('a garbage-collected limiter releases its names', () => {
  const source = `
    import { createLimiter, fixedWindow, redis } from 'sluice';
    const make = (limit) => createLimiter({
      policies: { api: fixedWindow({ limit, window: '1h' }) },
      store: redis('${url}'),
    });
    make(5);
    let made = false;
    for (let round = 0; round < 100 && !made; round++) {
      globalThis.gc();
      await new Promise((resolve) => setImmediate(resolve));
      try { made = make(6).store === 'redis'; } catch (error) {
        if (error.code !== '${clash.code}') throw error;
      }
    }
    console.log(made);
  `;
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const flags = ['--expose-gc', '--input-type=module', '-e', source];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd, encoding: 'utf8' });
  assert.equal(stdout.trim(), 'true', stderr);
});
