// Denials of a moment ago answer who asks again, over a real Redis.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { startFaultProxy } from '../support/fault-proxy.mjs';
import { testInTime } from '../support/in-time.mjs';
import { settle } from '../support/limits.mjs';
import { seededNumbers, testSeed } from '../support/random.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

let prefixes = 0;
const bucket = tokenBucket({ capacity: 2, refill: 1, every: '1h' });
const overRedis = (options = {}) =>
  createLimiter({
    policies: options.plans ? undefined : bucket,
    store: redis(server.url),
    prefix: `dc${prefixes++}`,
    onStoreError: 'throw',
    deadlineMs: 60_000,
    ...options,
  });
const sourceOf = async (decision) => (await decision).source;
/** Uses the key up and is denied once. */
async function deny(limiter, key, options = {}) {
  while ((await limiter.check(key, options)).allowed);
}

testInTime('repeat calls of a denied caller are answered without Redis', async () => {
  const limiter = overRedis();
  await limiter.check('k', { cost: 2 });
  const first = await limiter.check('k');
  assert.deepEqual([first.allowed, first.source], [false, 'store']);
  const asked = limiter.stats().redis.submitted;
  for (let i = 0; i < 5; i++) {
    const again = await limiter.check('k');
    assert.deepEqual([again.allowed, again.source], [false, 'cache']);
    assert.deepEqual([again.limit, again.remaining], [first.limit, first.remaining]);
    assert.ok(again.retryAfterMs <= first.retryAfterMs && again.retryAfterMs > 3_590_000);
    assert.equal(again.policies[0].retryAfterMs, again.retryAfterMs);
    assert.equal(JSON.parse(JSON.stringify(again)).source, 'cache');
  }
  assert.equal(limiter.stats().redis.submitted, asked);
  assert.equal(limiter.stats().denied, 6);
  assert.equal(await sourceOf(limiter.check('other')), 'store');
  await limiter.close();
});

test('denialCache: false asks Redis each time', async () => {
  const limiter = overRedis({ denialCache: false });
  await deny(limiter, 'k');
  for (let i = 0; i < 3; i++) assert.equal(await sourceOf(limiter.check('k')), 'store');
  await limiter.close();
});

testInTime('a batch holds answers of both kinds', async () => {
  const limiter = overRedis();
  await deny(limiter, 'denied');
  const keys = ['denied', 'a', 'denied', 'b', 'a', 'a', 'denied'];
  const decisions = await limiter.checkMany(keys.map((key) => ({ key })));
  assert.deepEqual(
    decisions.map(({ source, allowed }) => `${source} ${allowed}`),
    [
      'cache false',
      'store true',
      'cache false',
      'store true',
      'store true',
      'store false',
      'cache false',
    ],
  );
  await limiter.close();
});

testInTime('peeks, limits of one call and calls that wait are for Redis', async () => {
  const limiter = overRedis();
  await limiter.check('peeked', { cost: 2 });
  assert.equal((await limiter.peek('peeked')).allowed, false);
  assert.equal(await sourceOf(limiter.check('peeked')), 'store', 'what a peek said is not kept');
  await deny(limiter, 'k');
  assert.equal(await sourceOf(limiter.peek('k')), 'store');
  assert.equal(await sourceOf(limiter.check('k')), 'cache', 'a peek changes nothing');
  const more = await limiter.check('k', { limits: { default: 4 } });
  assert.deepEqual([more.source, more.allowed], ['store', true]);
  assert.equal(await sourceOf(limiter.check('k')), 'store', 'a call was admitted since');
  assert.equal(await sourceOf(limiter.check('k')), 'cache');
  assert.equal(await sourceOf(limiter.wait('k', { maxWaitMs: 1 })), 'store');
  await limiter.close();
});

testInTime('Redis decides a lower cost; a higher one gets its own wait', async () => {
  const limiter = overRedis({ policies: tokenBucket({ capacity: 5, refill: 1, every: '1h' }) });
  await limiter.check('k', { cost: 4 });
  assert.equal((await limiter.check('k', { cost: 2 })).allowed, false);
  const higher = await limiter.check('k', { cost: 3 });
  assert.equal(higher.source, 'cache');
  assert.equal(Math.round(higher.retryAfterMs / 3_600_000), 2);
  assert.equal((await limiter.check('k', { cost: 6 })).retryAfterMs, Number.POSITIVE_INFINITY);
  assert.equal((await limiter.check('k', { cost: 1 })).allowed, true);
  await limiter.close();
});

test('an answer lasts no longer than the denial', async () => {
  const limiter = overRedis({ policies: tokenBucket({ capacity: 1, refill: 1, every: 300 }) });
  let denial;
  do denial = await limiter.check('k');
  while (denial.allowed);
  await sleep(Math.ceil(denial.retryAfterMs) + 1); // timers come up to a millisecond early
  const decision = await limiter.check('k');
  assert.deepEqual([decision.allowed, decision.source], [true, 'store']);
  await limiter.close();
});

test('a second later Redis is asked again', async () => {
  const limiter = overRedis();
  await deny(limiter, 'k');
  await sleep(1010); // timers come up to a millisecond early
  assert.equal(await sourceOf(limiter.check('k')), 'store');
  await limiter.close();
});

// Giving back

const twice = fixedWindow({ limit: 2, window: '10d', blockFor: '1h' });
for (const [name, give] of [
  ['reset', ({ limiter }) => limiter.reset('k')],
  ['unblock', ({ limiter }) => limiter.unblock('k')],
  ['a shorter block', ({ limiter }) => limiter.block('k', '1m')],
  ['credit', ({ limiter }) => limiter.credit('k', 1)],
  ['credit of a decision', ({ limiter, first }) => limiter.credit('k', 1, { of: first })],
  ['debit', ({ limiter }) => limiter.debit('k', 1)],
  ['another limiter', ({ other }) => other.reset('k')],
  ['another connection', ({ foreign }) => foreign.reset('k')],
]) {
  testInTime(`cleared by this process: ${name}`, async () => {
    const options = { policies: twice, prefix: `clear${prefixes++}` };
    const [limiter, other] = [overRedis(options), overRedis(options)];
    const foreign = overRedis({
      ...options,
      store: redis(server.url.replace('127.0.0.1', 'localhost')),
    });
    const first = await limiter.check('k');
    await deny(limiter, 'k');
    assert.equal(await sourceOf(limiter.check('k')), 'cache');
    await give({ limiter, other, foreign, first });
    assert.equal(await sourceOf(limiter.check('k')), 'store');
    // Asked before it is done, but after it.
    await deny(limiter, 'k');
    const giving = give({ limiter, other: limiter, foreign: limiter, first });
    assert.equal(await sourceOf(limiter.check('k')), 'store');
    await giving;
    await Promise.all([limiter.close(), other.close(), foreign.close()]);
  });
}

testInTime('a give-back under one plan clears the denials of another', async () => {
  const plans = {
    free: { daily: fixedWindow({ limit: 2, window: '10d' }) },
    pro: { daily: fixedWindow({ limit: 9, window: '10d' }) },
  };
  const limiter = overRedis({ plans });
  await deny(limiter, 'k', { plan: 'free' });
  assert.equal((await limiter.check('k', { plan: 'pro' })).allowed, true);
  assert.equal(await sourceOf(limiter.check('k', { plan: 'free' })), 'cache');
  await limiter.credit('k', 2, { plan: 'pro' });
  const decision = await limiter.check('k', { plan: 'free' });
  assert.deepEqual([decision.allowed, decision.source], [true, 'store']);
  await limiter.close();
});

const evalshas = async () =>
  Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);

test('a denial from before a reset is not remembered after it', async () => {
  const proxy = await startFaultProxy({ to: server.port });
  const prefix = `dc${prefixes++}`;
  const limiter = overRedis({ prefix, store: redis(proxy.url) });
  const direct = overRedis({ prefix });
  await limiter.check('k', { cost: 2 });
  const before = await evalshas();
  await proxy.set({ replies: { held: true } });
  const denied = limiter.check('k');
  while ((await evalshas()) === before) await settle();
  await direct.reset('k');
  await proxy.set({});
  assert.equal((await denied).allowed, false, 'Redis denied it before the reset');
  const decision = await limiter.check('k');
  assert.deepEqual([decision.allowed, decision.source], [true, 'store']);
  await Promise.all([limiter.close(), direct.close()]);
  await proxy.stop();
});

testInTime('a denial from while a reset was on its way is not remembered after it', async () => {
  const proxy = await startFaultProxy({ to: server.port });
  const prefix = `dc${prefixes++}`;
  const slow = overRedis({ prefix, store: redis(proxy.url) });
  const direct = overRedis({ prefix });
  await slow.check('k', { cost: 2 });
  await proxy.set({ requests: { held: true } });
  const resetting = slow.reset('k');
  await settle();
  assert.equal(await sourceOf(direct.check('k')), 'store');
  assert.equal(await sourceOf(direct.check('k')), 'cache', 'the reset is still on its way');
  await proxy.set({});
  await resetting;
  const decision = await direct.check('k');
  assert.deepEqual([decision.allowed, decision.source], [true, 'store']);
  await Promise.all([slow.close(), direct.close()]);
  await proxy.stop();
});

test('a denial that comes too late, or that Redis did not make, is not remembered', async () => {
  const proxy = await startFaultProxy({ to: server.port });
  const prefix = `dc${prefixes++}`;
  const options = { prefix, store: redis(proxy.url), onStoreError: 'local', deadlineMs: 100 };
  const limiter = overRedis(options);
  const patient = overRedis({ ...options, deadlineMs: 60_000 });
  assert.equal(await sourceOf(patient.check('k', { cost: 2 })), 'store');
  await proxy.set({ replies: { held: true } });
  const other = patient.check('other');
  assert.deepEqual(
    [await sourceOf(limiter.check('k', { cost: 2 })), await sourceOf(limiter.check('k'))],
    ['local', 'local'],
  );
  await proxy.set({});
  await other;
  for (let tries = 0; ; tries++) {
    // The line may still be given up and made anew; but nothing is answered from what it said.
    const source = await sourceOf(limiter.check('k'));
    if (source === 'store') break;
    assert.equal(source, 'local');
    assert.ok(tries < 400, 'still not decided by Redis');
    await sleep(10);
  }
  await Promise.all([limiter.close(), patient.close()]);
  await proxy.stop();
});

// Policies

test('under chargeDenied, and for slots, every check is for Redis', async () => {
  for (const policies of [
    { bucket, counts: slidingLog({ limit: 9, window: '1h', chargeDenied: true }) },
    concurrency({ limit: 1, ttl: '1h' }),
    { bucket, slots: concurrency({ limit: 1, ttl: '1h' }) },
  ]) {
    const limiter = overRedis({ policies });
    await deny(limiter, 'k');
    for (let i = 0; i < 3; i++) assert.equal(await sourceOf(limiter.check('k')), 'store');
    await limiter.close();
  }
});

testInTime('a shadow is heard of from the cache too', async () => {
  const shadow = gcra({ limit: 1, every: '1h', burst: 1, enforce: false });
  const limiter = overRedis({ policies: { bucket, shadow } });
  const events = [];
  const listener = ({ decision, policy }) => events.push([decision.source, policy.policy]);
  subscribe('sluice:would-deny', listener);
  try {
    await limiter.check('k'); // both admit
    await deny(limiter, 'k');
    await limiter.check('k');
  } finally {
    unsubscribe('sluice:would-deny', listener);
  }
  assert.deepEqual(events, [
    ['store', 'shadow'],
    ['store', 'shadow'],
    ['cache', 'shadow'],
  ]);
  await limiter.close();
});

testInTime('keys of parts: a denial answers for all, and any part clears it', async () => {
  const by = (limit, parts) => fixedWindow({ limit, window: '10d', by: parts });
  const policies = { tenant: by(2, 'tenant'), user: by(9, ['tenant', 'user']) };
  for (const shardBy of [undefined, 'tenant']) {
    const limiter = overRedis({ policies, ...(shardBy && { shardBy }) });
    const [mine, theirs] = ['u1', 'u2'].map((user) => ({ tenant: 't1', user }));
    await deny(limiter, mine);
    assert.equal(await sourceOf(limiter.check(mine)), 'cache');
    assert.equal(await sourceOf(limiter.check(theirs)), 'store');
    assert.equal(await sourceOf(limiter.check({ tenant: 't', user: '1u1' })), 'store');
    await limiter.credit(theirs, { tenant: 1 });
    const decision = await limiter.check(mine);
    assert.deepEqual([decision.allowed, decision.source], [true, 'store']);
    await deny(limiter, mine);
    await limiter.unblock({ tenant: 't1' });
    assert.equal(await sourceOf(limiter.check(mine)), 'store');
    await limiter.close();
  }
});

test('whatever is asked of one process, the cache answers as memory decides', async (t) => {
  const seed = testSeed();
  console.log(`seed ${seed}`);
  const random = seededNumbers(seed);
  const pick = (list) => list[random(list.length)];
  // Nothing comes back while the test lasts, and no two spans are alike.
  const policies = {
    bucket: tokenBucket({ capacity: 10, refill: 1, every: '5d' }),
    leaky: leakyBucket({ capacity: 11, leak: 1, every: '4.8d' }),
    fixed: fixedWindow({ limit: 10, window: '51d', blockFor: '60d' }),
    sliding: slidingWindow({ limit: 12, window: '52d' }),
    log: slidingLog({ limit: 10, window: '53d' }),
    slots: concurrency({ limit: 13, ttl: '54d' }),
    shadow: gcra({ limit: 1, every: '4.7d', burst: 4, enforce: false, blockFor: '61d' }),
  };
  const names = Object.keys(policies);
  const shape = ({ allowed, policy, policies }) => ({
    allowed,
    policy,
    policies: policies.map((p) => [p.policy, p.allowed, p.remaining, p.retryAfterMs > 0]),
  });
  const [cached, memory] = [overRedis({ policies }), createLimiter({ policies })];
  const steps = process.env.SLUICE_FULL ? 20_000 : 2000;
  let fromCache = 0;
  for (let step = 0; step < steps; step++) {
    const key = `k${random(3)}`;
    const cost = random(3) ? 1 + random(3) : { [pick(names)]: random(5), [pick(names)]: random(3) };
    const limits = random(20) ? {} : { limits: { [pick(names)]: 1 + random(15) } };
    const verb = random(8) ? 'check' : pick(['credit', 'debit', 'reset', 'block', 'unblock']);
    const ask = (limiter) => {
      if (verb === 'check') return limiter.check(key, { cost, ...limits });
      if (verb === 'block') return limiter.block(key, '59d');
      return limiter[verb](key, ...(verb === 'credit' || verb === 'debit' ? [cost] : []));
    };
    const [a, b] = await Promise.all([ask(cached), ask(memory)]);
    if (verb !== 'check') continue;
    if (a.source === 'cache') fromCache++;
    assert.deepEqual(shape(a), shape(b), `step ${step}, from ${a.source}`);
  }
  t.diagnostic(`steps of ${t.name}: ${steps}`);
  assert.ok(fromCache > steps / 20, `${fromCache} of ${steps} from the cache`);
  await cached.close();
});
