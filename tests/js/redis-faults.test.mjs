// Slots, giving back and foreign values under the rules for a Redis that does not answer.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { freePort } from '../support/ports.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

const oneSlot = concurrency({ limit: 1, ttl: '1h' });
const unreachable = async () => redis(`redis://127.0.0.1:${await freePort()}`);

test("under 'local' this process gives slots, and takes them back", async () => {
  const limiter = createLimiter({ policies: oneSlot, store: await unreachable() });
  const first = await limiter.check('k');
  assert.deepEqual([first.allowed, first.source], [true, 'local']);
  assert.equal((await limiter.check('k')).allowed, false);
  assert.equal(await first.holder.renew(), true);
  assert.equal(await first.holder.release(), true);
  assert.equal(await first.holder.release(), false);
  assert.equal((await limiter.check('k')).allowed, true);
  await limiter.close();
});

test("under 'local' what this process charged is given back here", async () => {
  const limiter = createLimiter({
    policies: fixedWindow({ limit: 5, window: '1h' }),
    store: await unreachable(),
  });
  const of = await limiter.check('k', { cost: 4 });
  assert.equal(of.source, 'local');
  await limiter.credit('k', 3, { of });
  await limiter.credit('k', 3, { of });
  assert.equal((await limiter.peek('k', { cost: 0 })).remaining, 5);
  await limiter.close();
});

test("under 'local' waits line up in this process", async () => {
  const limiter = createLimiter({
    policies: { spaced: gcra({ limit: 100, every: '1s', burst: 1 }) },
    store: await unreachable(),
  });
  const calls = Array.from({ length: 5 }, () => limiter.wait('k'));
  for (const { allowed, source } of await Promise.all(calls)) {
    assert.deepEqual([allowed, source], [true, 'local']);
  }
  const denied = await limiter.wait('k', { cost: 2 });
  assert.deepEqual([denied.allowed, denied.retryAfterMs], [false, Number.POSITIVE_INFINITY]);
  await limiter.close();
});

for (const [rule, allowed] of [
  ['allow', true],
  ['deny', false],
]) {
  test(`under '${rule}' no caller holds a slot, and there is nothing to give back`, async () => {
    const store = await unreachable();
    const limiter = createLimiter({ policies: oneSlot, store, onStoreError: rule });
    for (const decision of [await limiter.check('k'), await limiter.wait('k')]) {
      assert.deepEqual([decision.allowed, decision.source], [allowed, rule]);
      await limiter.credit('k', 1, { of: decision });
      if (decision.holder !== undefined) assert.equal(await decision.holder.release(), false);
    }
    await limiter.close();
  });
}

test("under 'throw' checks and waits reject, and say where Redis should be", async () => {
  const store = await unreachable();
  const limiter = createLimiter({ policies: oneSlot, store, onStoreError: 'throw' });
  for (const call of [limiter.check('k'), limiter.wait('k'), limiter.peek('k')]) {
    await assert.rejects(call, (error) => {
      assert.equal(error.code, 'ERR_SLUICE_STORE_UNAVAILABLE');
      return error.message.includes(store.address);
    });
  }
  await limiter.close();
});

// Each is repeated for five seconds before it gives up.
describe('what has to reach Redis', { concurrency: true }, () => {
  test('lasting changes reject under every rule without Redis', async () => {
    const tries = ['local', 'allow', 'deny', 'throw'].map(async (onStoreError) => {
      const limiter = createLimiter({
        policies: fixedWindow({ limit: 5, window: '1h' }),
        store: await unreachable(),
        onStoreError,
      });
      const calls = [
        limiter.debit('k', 1),
        limiter.credit('k', 1),
        limiter.block('k', '1h'),
        limiter.unblock('k'),
        limiter.reset('k'),
      ];
      const code = 'ERR_SLUICE_STORE_UNAVAILABLE';
      await Promise.all(calls.map((call) => assert.rejects(call, { code }, onStoreError)));
      await limiter.close();
    });
    await Promise.all(tries);
  });

  test('an abort while Redis is away rejects with the reason of the caller', async () => {
    const own = await startRedis();
    const limiter = createLimiter({
      policies: gcra({ limit: 1, every: '1h', burst: 1 }),
      store: redis(own.url),
      deadlineMs: 5000,
    });
    await limiter.check('k');
    const controller = new AbortController();
    const waiting = limiter.wait('k', { signal: controller.signal });
    const hour = 3_600_000;
    while ((await limiter.peek('k')).retryAfterMs < 1.5 * hour);
    await own.stop();
    const reason = new Error('no more');
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await limiter.close();
  });

  test('a holder whose Redis has gone away says so, and does not touch the slots of this process', async () => {
    const own = await startRedis();
    const limiter = createLimiter({ policies: oneSlot, store: redis(own.url), deadlineMs: 5000 });
    const inRedis = await limiter.check('k');
    assert.equal(inRedis.source, 'store');
    await own.stop();
    const here = await limiter.check('k');
    assert.deepEqual([here.allowed, here.source], [true, 'local']);
    await assert.rejects(inRedis.holder.release(), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    assert.equal((await limiter.check('k')).allowed, false, 'the local slot is held on');
    assert.equal(await here.holder.release(), true);
    await limiter.close();
  });
});

// Foreign values

const policies = {
  bucket: tokenBucket({ capacity: 5, every: '50d' }),
  fixed: fixedWindow({ limit: 5, window: '50d' }),
  sliding: slidingWindow({ limit: 5, window: '50d' }),
  log: slidingLog({ limit: 5, window: '50d' }),
  slots: concurrency({ limit: 5, ttl: '50d' }),
};
const foreign = {
  text: (key) => client.set(key, 'somebody else was here'),
  empty: (key) => client.set(key, ''),
  negative: (key) => client.set(key, '-1'),
  fraction: (key) => client.set(key, '1.5'),
  huge: (key) => client.set(key, '9'.repeat(400)),
  nan: (key) => client.set(key, 'nan'),
  binary: (key) => client.set(key, Buffer.from([0xff, 0, 0xfe])),
  list: (key) => client.rpush(key, 'a', 'b'),
  hash: (key) => client.hset(key, 'a', 'b'),
  set: (key) => client.sadd(key, 'a'),
  zset: (key) => client.zadd(key, 1, 'a'),
  stream: (key) => client.xadd(key, '*', 'a', 'b'),
};

for (const [name, policy] of Object.entries(policies)) {
  test(`${name}: a foreign value fails its own check alone, and stays as it was`, async () => {
    for (const [kind, put] of Object.entries(foreign)) {
      // Slots are kept in a sorted set themselves.
      if (name === 'slots' && kind === 'zset') continue;
      const prefix = `foreign-${name}-${kind}`;
      const limiter = createLimiter({
        policies: { [name]: policy },
        store: redis(server.url),
        prefix,
        onStoreError: 'local',
        deadlineMs: 60_000,
      });
      await limiter.check('victim');
      const [key] = await client.keys(`${prefix}:{*`);
      await client.del(key);
      await put(key);
      const before = await client.dumpBuffer(key);

      const checks = Array.from({ length: 128 }, (_, i) => ({
        key: i === 64 ? 'victim' : `k${i}`,
      }));
      const decisions = await limiter.checkMany(checks);
      for (const [i, { allowed, source, remaining }] of decisions.entries()) {
        assert.deepEqual(
          [allowed, source, remaining],
          [true, i === 64 ? 'local' : 'store', 4],
          kind,
        );
      }
      if (name !== 'slots') {
        await assert.rejects(limiter.debit('victim', 1), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
      }
      assert.deepEqual(await client.dumpBuffer(key), before, `${kind} is as it was`);
      await limiter.reset('k0');
      assert.equal((await limiter.check('k0')).source, 'store', 'the others go on');
      await limiter.close();
    }
  });
}

test('checkMany that fails for one check gives back the slots that the others took', async () => {
  const limiter = createLimiter({
    policies: { slots: oneSlot },
    store: redis(server.url),
    prefix: 'many',
    onStoreError: 'throw',
    deadlineMs: 60_000,
  });
  await client.lpush('many:{bad}:slots:co1:z', 'not ours');
  await assert.rejects(limiter.checkMany([{ key: 'good' }, { key: 'bad' }]), {
    code: 'ERR_SLUICE_STORE_UNAVAILABLE',
  });
  await limiter.peek('good'); // The slot is on its way back; this travels no later.
  assert.equal((await limiter.peek('good')).allowed, true);
  await limiter.close();
});

test('a call that gives up waiting rejects at once, also without Redis', async () => {
  const away = await startRedis();
  const limiter = createLimiter({
    policies: gcra({ limit: 1, every: '1h', burst: 1 }),
    store: redis(away.url),
    onStoreError: 'throw',
    deadlineMs: 60_000,
  });
  assert.equal((await limiter.check('k')).allowed, true);
  const controller = new AbortController();
  const waiting = limiter.wait('k', { signal: controller.signal });
  await limiter.peek('k'); // All earlier calls have been answered.
  await away.stop();
  const order = [];
  const closed = setTimeout(() => order.push('a second passed'), 1000);
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/).then(() => order.push('rejected'));
  clearTimeout(closed);
  assert.deepEqual(order, ['rejected']);
  await limiter.close();
});
