// The whole API over a real Redis: the same results as in memory, also between processes.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { concurrency, createLimiter, fixedWindow, gcra, slidingLog } from 'sluice';
import { settle } from '../support/limits.mjs';
import { everyAlgorithm } from '../support/makers.mjs';
import { seededNumbers, testSeed } from '../support/random.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

let prefixes = 0;
const nextPrefix = () => `api${prefixes++}`;
const options = (extra) => ({
  store: redis(server.url),
  prefix: nextPrefix(),
  onStoreError: 'throw',
  denialCache: false,
  deadlineMs: 60_000,
  ...extra,
});
const overRedis = (policies, extra) =>
  createLimiter({ ...(policies && { policies }), ...options(extra) });

/**
 * Ten units at once; none comes back while the test runs. No two spans are alike, so that the binding policy does not
 * depend on the milliseconds between two stores.
 */
const ten = everyAlgorithm(10, ['50d', '49d', '48d', '51d', '52d', '53d', '54d']);
const names = Object.keys(ten);
const shape = ({ allowed, policy, policies, holder }) => ({
  allowed,
  policy,
  holds: holder !== undefined,
  policies: policies.map((p) => [p.policy, p.allowed, p.limit, p.remaining, p.retryAfterMs > 0]),
});

test('random operations have the same results in Redis and in memory', async () => {
  const seed = testSeed();
  console.log(`seed ${seed}`);
  const random = seededNumbers(seed);
  const pick = (list) => list[random(list.length)];
  const some = (most) =>
    Object.fromEntries([
      [pick(names), random(most)],
      [pick(names), random(most)],
    ]);
  const policies = {
    ...ten,
    blocks: fixedWindow({ limit: 12, window: '56d', blockFor: '57d' }),
    counts: slidingLog({ limit: 30, window: '58d', chargeDenied: true }),
    shadow: gcra({ limit: 1, every: '4.7d', burst: 4, enforce: false }),
  };
  const both = [overRedis(policies), createLimiter({ policies })];
  const held = [[], []];
  for (let step = 0; step < (process.env.SLUICE_FULL ? 5000 : 500); step++) {
    const key = `k${random(3)}`;
    const cost = random(2) ? random(4) : some(4);
    const limits = random(4) ? {} : { limits: { [pick(names)]: 1 + random(15) } };
    const verb = pick([
      'check',
      'check',
      'check',
      'peek',
      'debit',
      'credit',
      'of',
      'release',
      'renew',
      'block',
      'unblock',
      'reset',
    ]);
    if (verb === 'reset' && random(3)) continue;
    const index = random(held[0].length || 1);
    const units = 1 + random(3);
    const answers = await Promise.all(
      both.map(async (limiter, i) => {
        const mine = held[i];
        if (verb === 'check') {
          const decision = await limiter.check(key, { cost, ...limits });
          if (decision.allowed) mine.push({ key, decision });
          return shape(decision);
        }
        if (verb === 'peek') return shape(await limiter.peek(key, { cost, ...limits }));
        if (verb === 'debit' || verb === 'credit') return limiter[verb](key, cost);
        if (verb === 'block') return limiter.block(key, '59d');
        if (verb === 'unblock' || verb === 'reset') return limiter[verb](key);
        const it = mine[index];
        // Not for TAT policies: a drained part is not given back, so the difference of the clocks would show.
        const windows = { fixedWindow: units, slidingWindow: units, slidingLog: units };
        if (verb === 'of') return it && limiter.credit(it.key, windows, { of: it.decision });
        return it?.decision.holder?.[verb]();
      }),
    );
    assert.deepEqual(answers[0], answers[1], `step ${step}: ${verb} ${key}`);
  }
  await both[0].close();
});

test('checkMany of 300 checks of all algorithms is decided in order', async () => {
  const limiter = overRedis(ten);
  const decisions = await limiter.checkMany(
    Array.from({ length: 300 }, (_, i) => ({ key: `k${i % 25}` })),
  );
  decisions.forEach((decision, i) => {
    assert.equal(decision.allowed, i < 250, `check ${i}`);
    if (i < 250) assert.equal(decision.remaining, 9 - Math.floor(i / 25));
  });
  await limiter.close();
});

test('keys of parts, plans and shards in Redis: each policy counts by its own parts', async () => {
  const by = (parts) => fixedWindow({ limit: 10, window: '50d', by: parts });
  const policies = { tenant: by('tenant'), user: by(['tenant', 'user']), all: by([]) };
  for (const shardBy of [undefined, 'tenant']) {
    const prefix = nextPrefix();
    const limiter = overRedis(policies, { prefix, ...(shardBy && { shardBy }) });
    const left = async (tenant, user) =>
      (await limiter.check({ tenant, user })).policies.map(({ remaining }) => remaining);
    assert.deepEqual(await left('t:1', 'u'), [9, 9, 9]);
    assert.deepEqual(await left('t:1', 'v'), [8, 9, 8]);
    assert.deepEqual(await left('t', '1:u'), [9, 9, shardBy ? 9 : 7]);
    await limiter.block({ tenant: 't:1' }, '1h');
    assert.equal((await limiter.check({ tenant: 't:1', user: 'u' })).policy, 'tenant');
    assert.equal((await limiter.check({ tenant: 't', user: 'u' })).allowed, true);
    if (shardBy) {
      // The text between the braces determines the key's slot in a cluster.
      const tags = (await client.keys(`${prefix}:{*`)).map((key) => /\{.*\}/.exec(key)[0]);
      assert.equal(new Set(tags).size, 2, tags.join(' '));
    }
    await limiter.close();
  }
  const plans = {
    free: { daily: ten.fixedWindow },
    pro: { daily: fixedWindow({ limit: 100, window: '51d' }) },
  };
  const limiter = overRedis(undefined, { plans });
  await limiter.check('k', { plan: 'free', cost: 10 });
  assert.equal((await limiter.check('k', { plan: 'pro' })).remaining, 89);
  assert.equal((await limiter.check('k', { plan: 'free' })).allowed, false);
  await limiter.close();
});

test('a denial writes nothing, and every key has a time to live', async () => {
  const prefix = nextPrefix();
  const limiter = overRedis(ten, { prefix });
  await limiter.check('k', { cost: 10 });
  await limiter.block('k', '1h');
  await limiter.unblock('k');
  const dump = async () => {
    const keys = (await client.keys(`${prefix}:{*`)).sort();
    return Promise.all(
      keys.map(async (key) => [key, (await client.dumpBuffer(key)).toString('hex')]),
    );
  };
  const before = await dump();
  assert.ok(before.length >= names.length);
  assert.equal((await limiter.check('k')).allowed, false);
  await limiter.peek('new');
  assert.deepEqual(await dump(), before);
  for (const [key] of before) assert.ok((await client.pttl(key)) > 0, key);
  await limiter.close();
});

test('close rejects calls that wait in line, and later operations of a holder', async () => {
  const prefix = nextPrefix();
  const limiter = overRedis(concurrency({ limit: 1, ttl: '1h' }), { prefix });
  const { holder } = await limiter.check('k');
  const line = [limiter.wait('k'), limiter.wait('k')];
  while (limiter.stats().redis.completed < 2) await settle(); // until the first of the line has checked
  const closed = { name: 'SluiceError', code: 'ERR_SLUICE_CLOSED' };
  const rejected = line.map((call) => assert.rejects(call, closed));
  await limiter.close();
  await Promise.all(rejected);
  await assert.rejects(holder.release(), closed);
  await assert.rejects(holder.renew(), closed);
});

test('an abort during a check rejects the call, although others are before it in line', async () => {
  const limiter = overRedis(gcra({ limit: 1, every: '1h' }));
  await limiter.block('k', '1h'); // the store gives no turns during a block
  const first = new AbortController();
  const second = new AbortController();
  const calls = [first, second].map(({ signal }) => limiter.wait('k', { signal }));
  second.abort();
  await assert.rejects(calls[1], { name: 'AbortError' });
  first.abort();
  await assert.rejects(calls[0], { name: 'AbortError' });
});

test('an abort after close rejects with the reason of the caller', async () => {
  const limiter = overRedis(gcra({ limit: 1, every: '1h', burst: 1 }));
  await limiter.check('k');
  const controller = new AbortController();
  const waiting = limiter.wait('k', { signal: controller.signal });
  while ((await limiter.peek('k')).retryAfterMs < 4_000_000);
  await limiter.close();
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

/** Another process with its own limiter: `ask(verb, ...arguments)`, and the `holder` of its last check. */
async function otherProcess(limiterOptions, policy) {
  const child = fork(new URL('../support/other-process.mjs', import.meta.url), [
    JSON.stringify({ url: server.url, ...limiterOptions, policy }),
  ]);
  await once(child, 'message');
  return {
    child,
    async ask(...what) {
      child.send(what);
      return (await once(child, 'message'))[0];
    },
    async end() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

test('a slot taken in one process is denied in another until it is released', async () => {
  const prefix = nextPrefix();
  const limiter = overRedis(concurrency({ limit: 1, ttl: '1h' }), { prefix });
  const other = await otherProcess({ prefix }, ['concurrency', { limit: 1, ttl: '1h' }]);
  assert.equal((await other.ask('check', 'k')).allowed, true);
  assert.equal((await limiter.check('k')).allowed, false);
  assert.equal(await other.ask('holder', 'renew'), true);
  assert.equal(await other.ask('holder', 'release'), true);
  const mine = await limiter.check('k');
  assert.equal(mine.allowed, true);
  assert.equal(await other.ask('holder', 'release'), false);
  assert.equal(await other.ask('holder', 'renew'), false);
  assert.equal((await other.ask('check', 'k')).allowed, false, 'this process has the slot');
  await mine.holder.release();
  await other.end();
  await limiter.close();
});

test('a slot whose process died is free again after its ttl', async () => {
  const prefix = nextPrefix();
  const limiter = overRedis(concurrency({ limit: 1, ttl: 300 }), { prefix });
  const other = await otherProcess({ prefix }, ['concurrency', { limit: 1, ttl: 300 }]);
  assert.equal((await other.ask('check', 'k')).allowed, true);
  const exited = once(other.child, 'exit');
  other.child.kill('SIGKILL');
  await exited;
  assert.equal((await limiter.wait('k')).allowed, true);
  await limiter.close();
});

test('a call that waits in one process gets the slot that another releases', async () => {
  const prefix = nextPrefix();
  const limiter = overRedis(concurrency({ limit: 1, ttl: '1h' }), { prefix });
  const other = await otherProcess({ prefix }, ['concurrency', { limit: 1, ttl: '1h' }]);
  const { holder } = await limiter.check('k');
  const waiting = other.ask('wait', 'k', {});
  await holder.release();
  assert.equal((await waiting).allowed, true);
  await other.end();
  await limiter.close();
});

test('limiters of two processes wait in one line, and the last call in it gives its turn back', async () => {
  const prefix = nextPrefix();
  const numbers = { limit: 1, every: '1h', burst: 1 };
  const limiter = overRedis(gcra(numbers), { prefix });
  const other = await otherProcess({ prefix }, ['gcra', numbers]);
  const hours = async () => Math.round((await limiter.peek('k')).retryAfterMs / 3_600_000);
  await limiter.check('k');
  const give = new AbortController();
  const mine = limiter.wait('k', { signal: give.signal });
  assert.equal((await other.ask('check', 'k')).allowed, false);
  assert.equal(await hours(), 2, 'the call here is charged ahead');
  await other.ask('begin', 'k');
  while ((await hours()) < 3); // until the other call is charged
  // It is not the last in line: the calls behind it already have their times.
  give.abort();
  await assert.rejects(mine, { name: 'AbortError' });
  assert.equal(await hours(), 3);
  await other.ask('abort');
  while ((await hours()) > 2); // the turn is given back some time after the abort
  await other.end();
  await limiter.close();
});
