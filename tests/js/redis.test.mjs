// createLimiter over a real Redis: agreement with memory, and what happens when Redis is not there.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrency, createLimiter, gcra, leakyBucket, tokenBucket } from 'sluice';
import { collectMessages, collectWarnings } from '../support/collect.mjs';
import { freePort } from '../support/ports.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();

const bucket = tokenBucket({ capacity: 3, refill: 1, every: '1h' });
let prefixes = 0;
function overRedis(options = {}) {
  const prefix = `t${prefixes++}`;
  return createLimiter({
    policies: bucket,
    store: redis(server.url),
    prefix,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...options,
  });
}

test('Redis decides as memory does', async () => {
  const [inRedis, inMemory] = [overRedis(), createLimiter({ policies: bucket })];
  for (const cost of [1, 0, 3, 4, 2, 1, 1]) {
    const [a, b] = [await inRedis.check('k', { cost }), await inMemory.check('k', { cost })];
    assert.deepEqual(
      [a.allowed, a.remaining, a.source, Number.isFinite(a.retryAfterMs)],
      [b.allowed, b.remaining, b.source, Number.isFinite(b.retryAfterMs)],
      `cost ${cost}`,
    );
  }
  await inRedis.close();
});

test('gcra and leakyBucket decide in Redis as in memory, delays included', async () => {
  const policies = {
    spaced: gcra({ limit: 1, every: '1h', burst: 3 }),
    queue: leakyBucket({ capacity: 3, leak: 1, every: '1h', mode: 'shape' }),
  };
  const limiter = overRedis({ policies });
  const decisions = await limiter.checkMany(Array.from({ length: 4 }, () => ({ key: 'k' })));
  assert.deepEqual(
    decisions.map(({ allowed, delayMs }) => [allowed, Math.round(delayMs / 3_600_000)]),
    [
      [true, 0],
      [true, 1],
      [true, 2],
      [false, 0],
    ],
  );
  await limiter.close();
});

test('several policies in Redis: all admit a check, or none is charged', async () => {
  const limiter = overRedis({
    policies: { burst: bucket, daily: tokenBucket({ capacity: 10, every: '1d' }) },
  });
  const [first, second, third] = await limiter.checkMany([
    { key: 'k', cost: { daily: 9 } },
    { key: 'k', cost: { daily: 2 } },
    { key: 'k' },
  ]);
  assert.deepEqual([first.allowed, second.allowed, third.allowed], [true, false, true]);
  assert.equal(second.policy, 'daily');
  assert.equal(second.policies[0].remaining, 2, 'burst was not charged');
  assert.equal(third.policies[0].remaining, 1);
  await limiter.close();
});

test('peek writes nothing; reset makes a key new', async () => {
  const limiter = overRedis();
  assert.equal((await limiter.peek('k')).remaining, 3);
  assert.equal((await limiter.check('k', { cost: 3 })).remaining, 0);
  assert.equal((await limiter.peek('k')).allowed, false);
  await limiter.reset('k');
  assert.equal((await limiter.check('k')).remaining, 2);
  await limiter.close();
});

test('checkSync is refused with a code', async () => {
  const limiter = overRedis();
  assert.throws(() => limiter.checkSync('k'), { code: 'ERR_SLUICE_ASYNC_STORE' });
  await limiter.close();
});

test('close answers what is under way, then refuses', async () => {
  const limiter = overRedis();
  let answered = 0;
  const underWay = limiter.check('k').finally(() => answered++);
  const closing = limiter.close();
  await limiter.close();
  assert.equal(answered, 1, 'whoever closes a second time waits too');
  await closing;
  assert.equal((await underWay).allowed, true);
  await assert.rejects(limiter.check('k'), { code: 'ERR_SLUICE_CLOSED' });
  assert.equal(limiter.stats().redis, undefined);
});

for (const [rule, allowed, source] of [
  ['local', true, 'local'],
  ['allow', true, 'allow'],
  ['deny', false, 'deny'],
]) {
  test(`no Redis listening: the very first check is answered by the rule '${rule}'`, async () => {
    const limiter = createLimiter({
      policies: bucket,
      store: redis(`redis://127.0.0.1:${await freePort()}`),
      onStoreError: rule,
    });
    const decision = await limiter.check('k');
    assert.deepEqual([decision.allowed, decision.source], [allowed, source]);
    assert.equal(Number.isNaN(decision.remaining), source !== 'local');
    assert.equal(decision.policies.length, 1);
    assert.equal((await limiter.peek('k')).source, source);
    await limiter.close();
  });
}

test("no Redis listening: the rule 'throw' rejects, and says where Redis should be", async () => {
  const port = await freePort();
  const limiter = createLimiter({
    policies: bucket,
    store: redis(`redis://user:hunter2@127.0.0.1:${port}`),
    onStoreError: 'throw',
  });
  await assert.rejects(limiter.check('k'), (error) => {
    assert.equal(error.code, 'ERR_SLUICE_STORE_UNAVAILABLE');
    // Over a client the command may wait in the client's queue until the deadline.
    assert.match(error.fault, /^(unavailable|timeout)$/);
    assert.ok(error.message.includes(` (${error.fault})`));
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
  await limiter.close();
});

test('reset without Redis rejects under every rule', async () => {
  const limiter = createLimiter({
    policies: bucket,
    store: redis(`redis://127.0.0.1:${await freePort()}`),
  });
  await assert.rejects(limiter.reset('k'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
  await limiter.close();
});

test('the local rule limits too', async () => {
  const limiter = createLimiter({
    policies: bucket,
    store: redis(`redis://127.0.0.1:${await freePort()}`),
  });
  const decisions = [];
  for (let i = 0; i < 5; i++) decisions.push(await limiter.check('k'));
  assert.deepEqual(
    decisions.map(({ allowed }) => allowed),
    [true, true, true, false, false],
  );
  await limiter.close();
});

test('a Redis that comes up decides, with no restart', async () => {
  const port = await freePort();
  const limiter = createLimiter({ policies: bucket, store: redis(`redis://127.0.0.1:${port}`) });
  assert.equal((await limiter.check('k')).source, 'local');
  const late = await startRedis({ port });
  try {
    // Two seconds are the promise; a loaded machine is given more before the test gives up.
    for (let tries = 0; (await limiter.check('k')).source !== 'store'; tries++) {
      assert.ok(tries < 400, 'still not decided by Redis');
      await sleep(25);
    }
  } finally {
    await limiter.close();
    await late.stop();
  }
});

test('a Redis that hangs costs a check its deadline, and no more', async () => {
  const hung = await startRedis();
  const store = redis(hung.url);
  const limiter = createLimiter({ policies: bucket, store, deadlineMs: 50 });
  while ((await limiter.check('k')).source !== 'store');
  process.kill(hung.pid, 'SIGSTOP');
  try {
    await assert.rejects(limiter.reset('k'), (error) => {
      assert.ok(error.message.includes(store.address), `says which Redis: ${error.message}`);
      return error.code === 'ERR_SLUICE_STORE_UNAVAILABLE';
    });
    const decisions = await Promise.all(
      Array.from({ length: 100 }, (_, i) => limiter.check(`k${i}`)),
    );
    assert.ok(decisions.every(({ source }) => source === 'local'));
  } finally {
    process.kill(hung.pid, 'SIGCONT');
    await limiter.close();
    await hung.stop();
  }
});

test('a fault is published, or without a subscriber causes one warning', async (t) => {
  const limiter = createLimiter({
    policies: { bucket, slots: concurrency({ limit: 9, ttl: '1h' }) },
    store: redis(`redis://127.0.0.1:${await freePort()}`),
  });
  const warnings = collectWarnings(t, () => true);
  for (let i = 0; i < 3; i++) {
    const { holder } = await limiter.check('k');
    await holder.release();
  }
  await sleep(10);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['SLUICE_STORE_FAULT'],
  );

  const faults = collectMessages(t, 'sluice:fault');
  await limiter.check('k');
  assert.equal(faults.length, 1);
  assert.equal(faults[0].decidedBy, 'local');
  assert.match(faults[0].address, /^127\.0\.0\.1:\d+$/);
  await limiter.close();
});

test('a subscriber of sluice:fault may call a limiter', { timeout: 300_000 }, async () => {
  const policies = { a: bucket, b: tokenBucket({ capacity: 7, every: '1h' }) };
  const ofFaults = createLimiter({ policies });
  const store = redis(`redis://127.0.0.1:${await freePort()}`);
  const limiter = createLimiter({ policies: bucket, store });
  let told = 0;
  const listener = () => {
    told++;
    ofFaults.checkSync('faults');
  };
  subscribe('sluice:fault', listener);
  try {
    const keys = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}` }));
    for (const decision of await limiter.checkMany(keys)) {
      assert.deepEqual([decision.source, decision.remaining], ['local', 2]);
    }
    assert.equal(told, 20);
  } finally {
    unsubscribe('sluice:fault', listener);
  }
  await limiter.close();
});

test('a library that is loaded twice answers both', async () => {
  const require = createRequire(import.meta.url);
  const store = `redis://127.0.0.1:${await freePort()}`;
  const load = () => {
    for (const file of Object.keys(require.cache)) {
      if (!file.endsWith('.node')) delete require.cache[file];
    }
    const sluice = require('sluice');
    const policies = sluice.tokenBucket({ capacity: 3, every: '1h' });
    return sluice.createLimiter({ policies, store: sluice.redis(store) });
  };
  const limiters = [load(), load()];
  const decisions = await Promise.all(limiters.map((limiter) => limiter.check('k')));
  for (const { source } of decisions) assert.equal(source, 'local');
  await Promise.all(limiters.map((limiter) => limiter.close()));
});

test('four processes on one key: what they admit is what the bucket gave', async () => {
  const seconds = process.env.SLUICE_FULL ? 3 : 1;
  const hammer = new URL('../support/hammer.mjs', import.meta.url);
  for (const [name, capacity, refill, every] of [
    ['slow', 2000, 1, '1h'],
    ['fast', 100, 1000, '1s'],
  ]) {
    const policy = { capacity, refill, every };
    const began = performance.now();
    const children = Array.from({ length: 4 }, () =>
      fork(hammer, [
        JSON.stringify({ url: server.url, prefix: `hammer-${name}`, policy, seconds }),
      ]),
    );
    await Promise.all(children.map((child) => once(child, 'message')));
    for (const child of children) child.send('go');
    const results = await Promise.all(
      children.map(async (child) => {
        let result;
        child.once('message', (message) => {
          result = message;
        });
        const [code] = await once(child, 'exit');
        assert.equal(code, 0);
        return result;
      }),
    );
    const admitted = results.reduce((sum, result) => sum + result.admitted, 0);
    const elapsed = (performance.now() - began) / 1000;
    assert.ok(
      results.every((result) => result.admitted > 0),
      'each took part',
    );
    if (name === 'slow') {
      const limiter = overRedis({ policies: tokenBucket(policy), prefix: `hammer-${name}` });
      const { remaining } = await limiter.peek('one', { cost: 0 });
      assert.equal(admitted, capacity - remaining);
      assert.equal(remaining, 0, 'enough was asked to use it up');
      await limiter.close();
    } else {
      const most = capacity + refill * elapsed;
      assert.ok(admitted <= most, `${admitted} admitted, at most ${most} in ${elapsed} s`);
      assert.ok(admitted > capacity, 'some came of the refill');
    }
  }
});
