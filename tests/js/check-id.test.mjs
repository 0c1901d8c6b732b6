// check(key, { id }): charged once, over memory, over a real Redis, and over a bad line to it.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  concurrency,
  createLimiter,
  leakyBucket,
  memory,
  redis,
  slidingLog,
  tokenBucket,
} from 'sluice';
import { manualClock } from 'sluice/testing';
import { startFaultProxy } from '../support/fault-proxy.mjs';
import { testInTime } from '../support/in-time.mjs';
import { freePort } from '../support/ports.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

let prefixes = 0;
const bucket = tokenBucket({ capacity: 10, refill: 1, every: '1h' });
const stores = {
  memory: (options) => createLimiter({ policies: bucket, store: memory(), ...options }),
  redis: (options) =>
    createLimiter({
      policies: bucket,
      store: redis(server.url),
      prefix: `id${prefixes++}`,
      onStoreError: 'throw',
      deadlineMs: 60_000,
      ...options,
    }),
};
const left = async (limiter, key = 'k') => (await limiter.peek(key, { cost: 0 })).remaining;
const reused = { name: 'RangeError', code: 'ERR_SLUICE_ID_REUSED', argument: 'id' };

for (const [name, make] of Object.entries(stores)) {
  describe(`over ${name}`, () => {
    test('the same id again is the same admission, charged once', async () => {
      const limiter = make();
      const first = await limiter.check('k', { id: 'a', cost: 4 });
      assert.deepEqual([first.allowed, first.remaining, first.source], [true, 6, 'store']);
      await limiter.check('k', { cost: 6 });
      assert.equal((await limiter.check('k')).allowed, false);
      const again = await limiter.check('k', { id: 'a', cost: 4 });
      assert.deepEqual([again.allowed, again.remaining, again.source], [true, 0, 'store']);
      assert.equal(again.retryAfterMs, 0);
      await limiter.close();
    });

    test('of many at once one is charged', async () => {
      const limiter = make();
      const all = await Promise.all(
        Array.from({ length: 300 }, () => limiter.check('k', { id: 'a' })),
      );
      assert.ok(all.every(({ allowed }) => allowed));
      assert.equal(await left(limiter), 9);
      await limiter.close();
    });

    test('another cost or other limits under an id are refused, under every rule', async () => {
      for (const onStoreError of ['throw', 'local', 'allow', 'deny']) {
        const limiter = make({ onStoreError });
        await limiter.check('k', { id: 'a' });
        const named = { ...reused, value: 'a' };
        await assert.rejects(limiter.check('k', { id: 'a', cost: 2 }), named);
        await assert.rejects(limiter.check('k', { id: 'a', limits: { default: 5 } }), reused);
        assert.equal(await left(limiter), 9);
        assert.equal((await limiter.check('k', { id: 'a' })).allowed, true);
        await limiter.close();
      }
    });

    test('another plan under an id is refused', async () => {
      const plans = {
        free: { all: bucket },
        pro: { all: bucket, log: slidingLog({ limit: 9, window: '1h' }) },
      };
      const limiter = make({ policies: undefined, plans });
      await limiter.check('k', { plan: 'free', id: 'a' });
      await assert.rejects(limiter.check('k', { plan: 'pro', id: 'a' }), reused);
      assert.equal((await limiter.check('k', { plan: 'free', id: 'a' })).remaining, 9);
      await limiter.close();
    });

    test('ids are of a key, and of the parts of a key', async () => {
      const limiter = make();
      await limiter.check('k', { id: 'a' });
      assert.equal((await limiter.check('l', { id: 'a', cost: 2 })).remaining, 8);
      await limiter.close();
      const parts = make({
        policies: {
          user: tokenBucket({ capacity: 10, every: '1h', by: 'user' }),
          all: tokenBucket({ capacity: 20, every: '1h', by: [] }),
        },
      });
      for (const user of ['u', 'v', 'u']) await parts.check({ user }, { id: 'a' });
      const { policies } = await parts.peek({ user: 'u' }, { cost: 0 });
      assert.deepEqual(
        policies.map(({ remaining }) => remaining),
        [9, 18],
      );
      await parts.close();
    });

    test('a denial is judged anew', async () => {
      const limiter = make();
      await limiter.check('k', { cost: 10 });
      assert.equal((await limiter.check('k', { id: 'a' })).allowed, false);
      assert.equal((await limiter.check('k', { id: 'a', cost: 2 })).allowed, false);
      await limiter.reset('k');
      assert.equal((await limiter.check('k', { id: 'a', cost: 3 })).remaining, 7);
      await limiter.close();
    });

    test('a repeat has the holder of the first, and one release frees the slot', async () => {
      const limiter = make({
        policies: { slots: concurrency({ limit: 1, ttl: '1h' }), rate: bucket },
      });
      const first = await limiter.check('k', { id: 'a' });
      const again = await limiter.check('k', { id: 'a' });
      assert.equal(again.holder.id, first.holder.id);
      assert.equal((await limiter.check('k')).allowed, false);
      assert.equal(await again.holder.release(), true);
      assert.equal(await first.holder.release(), false);
      // No call works without a slot: after a release, a repeat takes it again, if it is free.
      const third = await limiter.check('k', { id: 'a' });
      assert.equal(third.holder.id, first.holder.id);
      assert.equal((await limiter.check('k')).allowed, false);
      await third.holder.release();
      assert.equal((await limiter.check('k')).allowed, true);
      const denied = await limiter.check('k', { id: 'a' });
      assert.deepEqual([denied.allowed, denied.policy], [false, 'slots']);
      assert.equal((await limiter.peek('k', { cost: 0 })).policies[1].remaining, 8);
      await limiter.close();
    });

    test('checkMany takes an id for each of its checks', async () => {
      const limiter = make();
      const checks = [{ key: 'k', id: 'a' }, { key: 'k', id: 'b', cost: 2 }, { key: 'k' }];
      await limiter.checkMany(checks);
      const again = await limiter.checkMany(checks);
      assert.deepEqual(
        again.map(({ remaining }) => remaining),
        [6, 6, 5],
      );
      await assert.rejects(
        limiter.checkMany([{ key: 'k' }, { key: 'k', id: 'a', cost: 2 }]),
        reused,
      );
      await limiter.close();
    });

    test('a credit for a repeat gives the charge back', async () => {
      const limiter = make();
      await limiter.check('k', { cost: 5 });
      await limiter.check('k', { id: 'a', cost: 3 });
      const of = await limiter.check('k', { id: 'a', cost: 3 });
      await limiter.credit('k', 9, { of });
      assert.equal(await left(limiter), 5);
      await limiter.close();
    });

    test('wait: a repeat waits for what is left, and one that gives up is judged anew', async () => {
      const limiter = make({
        policies: leakyBucket({ capacity: 5, leak: 1, every: '1m', mode: 'shape' }),
      });
      await limiter.check('k');
      const first = await limiter.check('k', { id: 'a' });
      const again = await limiter.check('k', { id: 'a' });
      assert.ok(again.delayMs <= first.delayMs && again.delayMs > first.delayMs - 30_000);
      const gone = new AbortController();
      const waiting = limiter.wait('k', { id: 'b', signal: gone.signal });
      while ((await left(limiter)) > 2) await setImmediate();
      gone.abort(new Error('enough'));
      await assert.rejects(waiting, /enough/);
      while ((await left(limiter)) < 3) await setImmediate();
      // Charged again, as it was given back.
      await limiter.check('k', { id: 'b' });
      assert.equal(await left(limiter), 2);
      await limiter.close();
    });

    test('wait: a repeat that gives up takes nothing back from the call that it repeats', async () => {
      const limiter = make({
        policies: {
          line: leakyBucket({ capacity: 5, leak: 1, every: '1m', mode: 'shape' }),
          slots: concurrency({ limit: 2, ttl: '1h' }),
        },
      });
      await limiter.check('k');
      const first = await limiter.check('k', { id: 'a' });
      for (const reason of ['once', 'twice']) {
        const gone = new AbortController();
        const waiting = limiter.wait('k', { id: 'a', signal: gone.signal });
        gone.abort(new Error(reason));
        await assert.rejects(waiting, { message: reason });
        const { policies } = await limiter.peek('k', { cost: 0 });
        assert.deepEqual(
          policies.map(({ remaining }) => remaining),
          [3, 0],
        );
      }
      assert.equal(await first.holder.release(), true);
      // This one takes the slot itself, and so gives it back.
      const gone = new AbortController();
      const waiting = limiter.wait('k', { id: 'a', signal: gone.signal });
      gone.abort(new Error('enough'));
      await assert.rejects(waiting, /enough/);
      const { policies } = await limiter.peek('k', { cost: 0 });
      assert.deepEqual(
        policies.map(({ remaining }) => remaining),
        [3, 1],
      );
      await limiter.close();
    });

    test('checkMany that rejects leaves the slots of a repeat to their holder', async () => {
      const limiter = make({ policies: concurrency({ limit: 3, ttl: '1h' }) });
      const first = await limiter.check('k', { id: 'a' });
      await limiter.check('k', { id: 'b' });
      const checks = [{ key: 'k', id: 'a' }, { key: 'k' }];
      const refused = { key: 'k', id: 'b', limits: { default: 2 } };
      await assert.rejects(limiter.checkMany([...checks, refused]), reused);
      assert.equal(await first.holder.renew(), true);
      assert.equal(await left(limiter), 1);
      await limiter.close();
    });

    test('values that are not ids are refused', async () => {
      const limiter = make();
      for (const id of [1, null, {}, Symbol('a')]) {
        const expected = { name: 'TypeError', code: 'ERR_SLUICE_ID', argument: 'id' };
        await assert.rejects(limiter.check('k', { id }), expected);
      }
      for (const id of ['', 'x'.repeat(129)]) {
        const expected = { name: 'RangeError', code: 'ERR_SLUICE_ID', argument: 'checks[0].id' };
        await assert.rejects(limiter.checkMany([{ key: 'k', id }]), expected);
      }
      await assert.rejects(limiter.peek('k', { id: 'a' }), { code: 'ERR_SLUICE_UNKNOWN_OPTION' });
      // Any characters will do, and no two texts are one.
      const ids = ['x'.repeat(128), '}:{k}', '\ud800', '\ud801', 'é', '\0', ' '];
      for (const id of ids) await limiter.check('k', { id });
      for (const id of ids) await limiter.check('k', { id });
      assert.equal(await left(limiter), 10 - ids.length);
      await limiter.close();
    });
  });
}

test('checkSync charges once, and throws where an id is reused', () => {
  const limiter = stores.memory();
  assert.equal(limiter.checkSync('k', { id: 'a' }).remaining, 9);
  assert.equal(limiter.checkSync('k', { id: 'a' }).remaining, 9);
  assert.throws(() => limiter.checkSync('k', { id: 'a', cost: 2 }), reused);
});

test('an id is known for 60 s, also by a clock that steps back', async () => {
  const clock = manualClock();
  clock.advance('1h');
  const limiter = stores.memory({ store: memory({ clock }) });
  await limiter.check('k', { id: 'a' });
  clock.advance(59_999);
  assert.equal((await limiter.check('k', { id: 'a' })).remaining, 9);
  clock.advance(1);
  assert.equal((await limiter.check('k', { id: 'a' })).remaining, 8);
  clock.advance(-60_000);
  assert.equal((await limiter.check('k', { id: 'a' })).remaining, 7);
});

test('limiters of one prefix with other policies have ids of their own; those of another too', async () => {
  const store = memory();
  const other = { policies: { a: bucket, b: bucket }, store };
  const limiters = [
    stores.memory({ store }),
    stores.memory({ store, prefix: 'other' }),
    stores.memory(other),
  ];
  for (const limiter of limiters) await limiter.check('k', { id: 'a' });
  for (const limiter of limiters) assert.equal(await left(limiter), 9);
  // The same policies again, with another number: a new version of the program.
  const larger = tokenBucket({ capacity: 20, refill: 1, every: '1h' });
  const next = stores.memory({ store, policies: larger });
  await next.check('k', { id: 'a' });
  assert.equal(await left(next), 19);
});

test('in Redis an id lives for a minute beside its key, and never under its own name', async () => {
  const limiter = stores.redis({ prefix: 'ids' });
  await limiter.check('k', { id: 'req-123' });
  const names = await client.keys('ids:*');
  const name = names.find((name) => /^ids:\{k\}:id1:[0-9a-f]{32}$/.test(name));
  assert.ok(name, names.join());
  const ttl = await client.pttl(name);
  assert.ok(ttl > 50_000 && ttl <= 60_001, `${ttl}`);
  assert.ok(!(await client.get(name)).includes('req-123'));
  await limiter.close();
});

testInTime('a denial of a moment ago does not answer for a remembered admission', async () => {
  const limiter = stores.redis();
  await limiter.check('k', { id: 'a', cost: 4 });
  await limiter.check('k', { cost: 6 });
  assert.equal((await limiter.check('k')).source, 'store');
  assert.equal((await limiter.check('k', { cost: 4 })).source, 'cache');
  const again = await limiter.check('k', { id: 'a', cost: 4 });
  assert.deepEqual([again.allowed, again.source], [true, 'store']);
  await limiter.close();
});

test("under 'local' this process knows the ids that it charged itself", async () => {
  const store = redis(`redis://127.0.0.1:${await freePort()}`);
  const limiter = createLimiter({ policies: bucket, store });
  for (let i = 0; i < 3; i++) {
    const { remaining, source } = await limiter.check('k', { id: 'a' });
    assert.deepEqual([remaining, source], [9, 'local']);
  }
  const told = [];
  const note = ({ decidedBy }) => told.push(decidedBy);
  subscribe('sluice:fault', note);
  try {
    await assert.rejects(limiter.check('k', { id: 'a', cost: 2 }), reused);
    // The error comes first.
    while (told.length === 0) await setImmediate();
  } finally {
    unsubscribe('sluice:fault', note);
  }
  assert.deepEqual(told, ['local']);
  await limiter.close();
});

test("under 'local' the parts of other shards are other keys", async () => {
  const store = redis(`redis://127.0.0.1:${await freePort()}`);
  const policies = { user: tokenBucket({ capacity: 10, every: '1h', by: 'user' }) };
  const limiter = createLimiter({ policies, shardBy: 'org', store });
  for (const org of ['1', '2']) await limiter.check({ org, user: 'u' }, { id: 'a', cost: 4 });
  await limiter.check({ org: '2', user: 'u' });
  for (const [org, remaining] of [
    ['1', 6],
    ['2', 5],
  ]) {
    assert.equal((await limiter.peek({ org, user: 'u' }, { cost: 0 })).remaining, remaining);
  }
  await limiter.close();
});

describe('when the connection is reset in the middle of an answer', () => {
  /** Runs `act` while the next reply is cut, and heals the line as the link connects again. */
  async function cutReply(act) {
    const proxy = await startFaultProxy({ to: server.port });
    const limiter = stores.redis({ store: redis(proxy.url) });
    try {
      await limiter.check('k', { cost: 5 });
      // Behind the first answer the link asks about the server and publishes its policies, a step for each answer: these
      // replies must not be the one that is cut.
      for (let i = 0; i < 5; i++) await limiter.peek('k');
      await proxy.set({ cutReplyAfter: 3 });
      const { accepted } = proxy;
      const asked = act(limiter);
      asked.catch(() => {}); // awaited below
      while (proxy.accepted === accepted) await setImmediate();
      await proxy.set({});
      await asked;
      assert.ok(limiter.stats().redis.retries >= 1);
      return { used: 5 - (await left(limiter)), asked: await asked };
    } finally {
      await limiter.close();
      await proxy.stop();
    }
  }

  test('a check with an id is sent again, and charged once', async () => {
    const { used, asked } = await cutReply((limiter) => limiter.check('k', { id: 'a', cost: 3 }));
    assert.deepEqual([asked.allowed, asked.source, used], [true, 'store', 3]);
  });

  test('a check without one is not', async () => {
    await assert.rejects(
      cutReply((limiter) => limiter.check('k', { cost: 3 })),
      { code: 'ERR_SLUICE_STORE_UNAVAILABLE' },
    );
  });

  test('a debit is sent again, and charged once', async () => {
    const { used } = await cutReply((limiter) => limiter.debit('k', 3));
    assert.equal(used, 3);
  });

  test('a credit is sent again, and given once', async () => {
    const { used } = await cutReply((limiter) => limiter.credit('k', 2));
    assert.equal(used, -2);
  });
});
