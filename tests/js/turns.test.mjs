// Turns that calls give up: the last ones in line come back, in any order of giving up.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, test } from 'node:test';
import { createLimiter, fixedWindow, gcra, leakyBucket, tokenBucket } from 'sluice';
import { collectWarnings } from '../support/collect.mjs';
import { settle, still } from '../support/limits.mjs';
import { seededRandom, testSeed } from '../support/random.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();

// A call that hangs fails by its own test's time limit, not because nothing else is left to do.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

const seed = testSeed();
console.log(`seed ${seed}`);

let prefixes = 0;
const limiters = [];
after(() => Promise.all(limiters.map((limiter) => limiter.close())));

const stores = {
  memory: (options) => still(undefined, options).limiter,
  Redis: (options) => {
    const limiter = createLimiter({
      store: redis(server.url),
      prefix: `turns${prefixes++}`,
      onStoreError: 'throw',
      denialCache: false,
      deadlineMs: 60_000,
      ...options,
    });
    limiters.push(limiter);
    return limiter;
  },
};

// So slow that nothing drains while a test runs.
const slow = {
  tokenBucket: tokenBucket({ capacity: 2, refill: 1, every: '1h' }),
  gcra: gcra({ limit: 1, every: '1h', burst: 1 }),
  leakyBucket: leakyBucket({ capacity: 1, leak: 1, every: '1h' }),
  queue: leakyBucket({ capacity: 100, leak: 1, every: '1h', mode: 'shape' }),
};

/** The minutes until the key is like a new one, which a turn changes. */
const minutes = async (limiter, key = 'k', options = {}) =>
  Math.round((await limiter.peek(key, { cost: 0, ...options })).resetAfterMs / 60_000);

/** Waits until the key needs this many minutes to be like a new one; pending calls to Redis are then answered. */
async function becomes(limiter, expected, key, options) {
  for (let i = 0; i < 100 && (await minutes(limiter, key, options)) !== expected; i++) {
    await settle();
  }
  assert.equal(await minutes(limiter, key, options), expected);
}

// A test that fails may leave some that wait for hours.
const waiting = new Set();
after(() => {
  for (const controller of waiting) controller.abort();
});

/** Calls that wait, each with what gives it up. */
async function line(limiter, count, key = 'k', { id, ...options } = {}) {
  const calls = [];
  for (let i = 0; i < count; i++) {
    const controller = new AbortController();
    waiting.add(controller);
    const call = limiter.wait(key, {
      ...options,
      ...(id && { id }),
      signal: controller.signal,
    });
    call.catch(() => {});
    calls.push({ call, abort: () => controller.abort() });
  }
  await limiter.peek(key, options); // which is asked after all of them
  await settle();
  return calls;
}

const orders = {
  'first to last': (calls) => calls,
  'last to first': (calls) => calls.toReversed(),
  'at random': (calls) => {
    const random = seededRandom(seed + 7);
    return calls
      .map((call) => [random(), call])
      .sort(([a], [b]) => a - b)
      .map(([, call]) => call);
  },
};

for (const [store, make] of Object.entries(stores)) {
  for (const [name, policies] of Object.entries(slow)) {
    test(`${store}, ${name}: 50 waits on one signal that aborts leave no turn taken`, async (t) => {
      const warnings = collectWarnings(t, () => true);
      const limiter = make({ policies });
      await limiter.check('k');
      const before = await minutes(limiter);
      const controller = new AbortController();
      const { signal } = controller;
      const calls = Array.from({ length: 50 }, () => limiter.wait('k', { signal }));
      const ended = Promise.allSettled(calls);
      await limiter.peek('k');
      await settle();
      assert.equal(getEventListeners(signal, 'abort').length, 1);
      controller.abort();
      const rejected = (await ended).filter(({ status }) => status === 'rejected');
      // Asked at once, with nothing in between.
      const passed = 50 - rejected.length; // of a bucket of two
      assert.equal(await minutes(limiter), before + 60 * passed);
      assert.equal(passed, name === 'tokenBucket' ? 1 : 0);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
      await settle();
      assert.deepEqual(warnings, []);
    });

    for (const [order, put] of Object.entries(orders)) {
      test(`${store}, ${name}: waits that are aborted one by one, ${order}`, async () => {
        const limiter = make({ policies });
        await limiter.check('k');
        await limiter.wait('k', { maxWaitMs: 0 });
        const before = await minutes(limiter);
        const calls = await line(limiter, 20);
        assert.equal(await minutes(limiter), before + 20 * 60);
        for (const { abort } of put(calls)) {
          abort();
          await settle();
        }
        await becomes(limiter, before);
      });
    }

    test(`${store}, ${name}: a turn amid the line comes back once those behind it are gone`, async () => {
      const limiter = make({ policies });
      await limiter.check('k');
      await limiter.wait('k', { maxWaitMs: 0 });
      const before = await minutes(limiter);
      const [a, b, c, d] = await line(limiter, 4);
      b.abort();
      c.abort();
      await settle();
      assert.equal(await minutes(limiter), before + 4 * 60, 'd waits behind them');
      d.abort();
      await becomes(limiter, before + 60); // a waits still
      const [e] = await line(limiter, 1);
      a.abort();
      await settle();
      assert.equal(await minutes(limiter), before + 2 * 60, 'e waits behind it');
      e.abort();
      await becomes(limiter, before);
    });
  }

  test(`${store}: callers with a line of their own under another policy come back in a shared one`, async () => {
    const every = '1h';
    const limiter = make({
      policies: {
        user: gcra({ limit: 1, every, burst: 5, by: 'user' }),
        tenant: gcra({ limit: 1, every, burst: 1, by: 'tenant' }),
        calls: fixedWindow({ limit: 100, window: '1d', by: ['tenant', 'user'] }),
      },
      shardBy: 'tenant',
    });
    const key = (user) => ({ tenant: 't', user });
    const shown = async (user) => {
      const { policies } = await limiter.peek(key(user));
      return policies.map(({ limit, remaining, resetAfterMs }) => [
        limit - remaining,
        Math.round(resetAfterMs / 3_600_000),
      ]);
    };
    await limiter.check(key('a'));
    const before = [await shown('a'), await shown('b')];
    const calls = [];
    for (const user of ['b', 'a', 'b', 'a', 'c', 'b']) {
      calls.push(...(await line(limiter, 1, key(user))));
    }
    for (const { abort } of calls) {
      abort();
      await settle();
    }
    await becomes(limiter, before[0][1][1] * 60, key('a'), { cost: { user: 0, calls: 0 } });
    assert.deepEqual([await shown('a'), await shown('b')], before);
    assert.deepEqual((await shown('c'))[0], [0, 0]);
  });

  test(`${store}: plans share a line as they share what is counted`, async () => {
    const { gcra: policy } = slow;
    const limiter = make({ plans: { free: { policy }, pro: { policy } } });
    const before = await minutes(limiter, 'k', { plan: 'free' });
    await limiter.check('k', { plan: 'free' });
    const calls = [];
    for (const plan of ['free', 'pro', 'free', 'pro']) {
      calls.push(...(await line(limiter, 1, 'k', { plan })));
    }
    assert.equal(await minutes(limiter, 'k', { plan: 'pro' }), before + 5 * 60);
    for (const { abort } of calls) {
      abort();
      await settle();
    }
    await becomes(limiter, before + 60, 'k', { plan: 'pro' });
  });

  test(`${store}: a turn amid the line of calls with a smaller limit of their own stays taken`, async () => {
    const limiter = make({ policies: gcra({ limit: 1, every: '1h', burst: 20 }) });
    const limits = { default: 1 };
    await limiter.check('k', { limits });
    const [first, second] = await line(limiter, 2, 'k', { limits });
    first.abort();
    await settle();
    assert.equal(await minutes(limiter), 3 * 60, 'the second would share its turn with the next');
    second.abort();
    await becomes(limiter, 60);
  });

  test(`${store}: after a reset nothing comes back of what was charged before`, async () => {
    const limiter = make({ policies: slow.gcra });
    await limiter.check('k');
    const calls = await line(limiter, 3);
    calls[0].abort();
    await settle();
    await limiter.reset('k');
    await limiter.check('k');
    const others = await line(limiter, 2);
    assert.equal(await minutes(limiter), 3 * 60);
    for (const { abort } of calls) abort();
    await settle();
    assert.equal(await minutes(limiter), 3 * 60);
    for (const { abort } of others) abort();
    await becomes(limiter, 60);
  });
}

for (const [store, make] of Object.entries(stores)) {
  test(`${store}: a wait that was under way when its key was reset gives nothing back`, async () => {
    const limiter = make({ policies: slow.gcra });
    await limiter.check('k');
    const controller = new AbortController();
    waiting.add(controller);
    const call = limiter.wait('k', { signal: controller.signal });
    const reset = limiter.reset('k');
    await reset;
    await settle();
    await limiter.check('k');
    assert.equal(await minutes(limiter), 60);
    controller.abort();
    await assert.rejects(call);
    await settle();
    assert.equal(await minutes(limiter), 60);
  });
}

test('an aborted wait with an id forgets it, amid the line too', async () => {
  const { limiter } = still(slow.gcra);
  limiter.checkSync('k');
  const [first] = await line(limiter, 1, 'k', { id: 'one' });
  const [second] = await line(limiter, 1);
  first.abort();
  await settle();
  const [again] = await line(limiter, 1, 'k', { id: 'one' });
  assert.equal(await minutes(limiter), 4 * 60, 'it is charged anew');
  again.abort();
  await settle();
  second.abort();
  await settle();
  assert.equal(await minutes(limiter), 60);
});

test('each remaining call has a turn of its own, and all abandoned turns come back', async () => {
  const random = seededRandom(seed + 1);
  const below = (n) => Math.floor(random() * n);
  for (let run = 0; run < 200; run++) {
    const { limiter, clock } = still(gcra({ limit: 10, every: '1s', burst: 1 }));
    const times = [];
    let waiting = [];
    const enter = () => {
      const controller = new AbortController();
      const one = { abort: () => controller.abort() };
      waiting.push(one);
      one.call = limiter.wait('k', { signal: controller.signal }).then(
        () => {
          waiting = waiting.filter((other) => other !== one);
          times.push(clock.now());
        },
        () => {},
      );
    };
    const leave = (i) => waiting.splice(i, 1)[0].abort();
    for (let step = 0; step < 40; step++) {
      const what = below(10);
      if (what < 5) enter();
      else if (what < 8 && waiting.length > 0) leave(below(waiting.length));
      else {
        await settle(); // waiting calls see each moment
        clock.advance(50);
        await settle();
      }
      if (below(3) > 0) await settle();
    }
    await settle();
    while (waiting.length > 0) {
      leave(below(waiting.length));
      if (below(2) > 0) await settle();
    }
    await settle();
    for (const [i, time] of times.entries()) {
      if (i > 0) assert.ok(time - times[i - 1] >= 100, `run ${run}: ${times}`);
    }
    const { resetAfterMs } = await limiter.peek('k', { cost: 0 });
    const last = times.at(-1) ?? -100;
    assert.equal(resetAfterMs, Math.max(0, last + 100 - clock.now()), `run ${run}`);
  }
});
