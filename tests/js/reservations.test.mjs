// limiter.reserve and limiter.reservation, over both stores.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { concurrency, createLimiter, fixedWindow, memory, redis, tokenBucket } from 'sluice';
import { allowAll, denyAll, manualClock } from 'sluice/testing';
import { startFaultProxy } from '../support/fault-proxy.mjs';
import { policyOfVector } from '../support/makers.mjs';
import { useRedis } from '../support/use-redis.mjs';

v8.setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const { server, client } = await useRedis();
let prefixes = 0;

/** Options of a limiter over each store. */
const stores = {
  memory: () => ({ store: memory() }),
  Redis: () => ({
    store: redis(server.url),
    prefix: `r${++prefixes}`,
    onStoreError: 'throw',
    deadlineMs: 10_000,
    denialCache: false,
  }),
};

const POLICIES = {
  tokens: fixedWindow({ limit: 1000, window: '90d' }),
  jobs: concurrency({ limit: 3, ttl: '1h' }),
};

const left = async (limiter, key = 'k', options = undefined) =>
  (await limiter.peek(key, options)).policies.map(({ remaining }) => remaining);

/** Runs `body` with a limiter over each store. */
function overEach(name, body, options = { policies: POLICIES }) {
  for (const [store, optionsOf] of Object.entries(stores)) {
    test(`${name} (${store})`, async () => {
      const limiter = createLimiter({ ...options, ...optionsOf() });
      try {
        await body(limiter);
      } finally {
        await limiter.close();
      }
    });
  }
}

overEach('a reservation charges its estimate until it is settled, once', async (limiter) => {
  const reservation = await limiter.reserve('k', { tokens: 600 });
  assert.equal(reservation.allowed, true);
  assert.equal(reservation.source, 'store');
  assert.deepEqual(await left(limiter), [400, 2]);
  const denied = await limiter.reserve('k', { tokens: 600 });
  assert.deepEqual([denied.allowed, denied.policy, denied.id], [false, 'tokens', '']);
  assert.deepEqual(await denied.settle(5), { ok: false, charged: {}, reason: 'unknown' });

  const charged = { tokens: 150, jobs: 0 };
  assert.deepEqual(await reservation.settle({ tokens: 150 }), { ok: true, charged });
  const again = { ok: false, charged, reason: 'settled' };
  assert.deepEqual(await reservation.settle({ tokens: 999 }), again);
  assert.deepEqual(await reservation.cancel(), again);
  assert.deepEqual(await left(limiter), [850, 3]);
});

overEach('usage above the estimate is charged, into debt', async (limiter) => {
  const reservation = await limiter.reserve('k', { tokens: 900 });
  await reservation.settle({ tokens: 1300 });
  const next = await limiter.reserve('k', { tokens: 1 });
  assert.deepEqual([next.allowed, next.policy, next.remaining], [false, 'tokens', 0]);
});

overEach('another limiter of the same kind settles by the id alone', async (limiter) => {
  const id = (await limiter.reserve('k', { tokens: 600 })).detach();
  const handle = limiter.reservation(id);
  assert.equal(await handle.checkpoint({ tokens: 10 }), false);
  assert.equal(await handle.renew(120_000), true);
  const settled = await handle.settle({ tokens: 70 });
  assert.deepEqual(settled, { ok: true, charged: { tokens: 70, jobs: 0 } });
  assert.deepEqual(await left(limiter), [930, 3]);
});

overEach(
  'checkpoint notes usage, extend asks for more, cancel charges what was noted',
  async (limiter) => {
    const reservation = await limiter.reserve('k', { tokens: 100 });
    assert.equal(await reservation.checkpoint({ tokens: 40 }), false);
    assert.equal(await reservation.checkpoint({ tokens: 100 }), true);
    const more = await reservation.extend({ tokens: 300 });
    assert.deepEqual([more.allowed, await left(limiter)], [true, [700, 2]]);
    const tooMuch = await reservation.extend({ tokens: 1001 });
    assert.deepEqual(
      [tooMuch.allowed, tooMuch.policy, await left(limiter)],
      [false, 'tokens', [700, 2]],
    );
    assert.equal(await reservation.checkpoint({ tokens: 100 }), false);
    const { ok, charged } = await reservation.cancel();
    assert.deepEqual([ok, charged.tokens, await left(limiter)], [true, 100, [900, 3]]);
    const reason = { code: 'ERR_SLUICE_RESERVATION_CLOSED', message: 'the reservation is settled' };
    await assert.rejects(reservation.extend({ tokens: 5 }), reason);
    assert.equal(await reservation.checkpoint({ tokens: 5 }), true, 'the caller should stop');
    assert.equal(await reservation.renew(1000), false);
  },
);

overEach('checkpoints within 50 ms travel as one', async (limiter) => {
  const reservation = await limiter.reserve('k', { tokens: 500 });
  const stops = await Promise.all(
    Array.from({ length: 100 }, (_, i) => reservation.checkpoint({ tokens: i })),
  );
  assert.deepEqual(new Set(stops), new Set([false]));
  if (limiter.store === 'redis') {
    // The reserve, the first checkpoint and one for the others.
    assert.equal(limiter.stats().redis.submitted, 3);
  }
  const { charged } = await reservation.cancel();
  assert.equal(charged.tokens, 99);
});

overEach('one that expires is charged by its rule, and frees its slot', async (limiter) => {
  const made = [];
  for (const [onExpire, used] of [
    ['estimate', 20],
    ['estimate', 130],
    ['checkpoint', 20],
    ['refund', 20],
  ]) {
    const key = `${onExpire} ${used}`;
    const reservation = await limiter.reserve(key, { tokens: 100 }, { ttlMs: 300, onExpire });
    await reservation.checkpoint({ tokens: used });
    made.push([key, reservation]);
  }
  assert.deepEqual(await left(limiter, 'refund 20'), [900, 2]);
  await sleep(350);
  const charges = {};
  for (const [key, reservation] of made) {
    const { ok, charged, reason } = await reservation.settle({ tokens: 1 });
    assert.deepEqual([ok, reason], [false, 'expired']);
    charges[key] = charged.tokens;
    assert.deepEqual(await left(limiter, key), [1000 - charged.tokens, 3]);
  }
  const expected = { 'estimate 20': 100, 'estimate 130': 130, 'checkpoint 20': 20, 'refund 20': 0 };
  assert.deepEqual(charges, expected);
});

overEach('await using cancels what its scope left open', async (limiter) => {
  const dispose = (reservation) => reservation[Symbol.asyncDispose]();
  await dispose(await limiter.reserve('k', { tokens: 600 }));
  assert.deepEqual(await left(limiter), [1000, 3]);
  const kept = await limiter.reserve('k', { tokens: 600 });
  kept.detach();
  await dispose(kept);
  assert.deepEqual(await left(limiter), [400, 2]);
  await dispose(await limiter.reserve('k', { tokens: 600 })); // denied
});

overEach(
  'levels of budgets: all or none, and the denial names the level',
  async (limiter) => {
    const key = { org: 'o', user: 'u1' };
    const first = await limiter.reserve(key, 80);
    assert.equal(first.allowed, true);
    const denied = await limiter.reserve(key, 30);
    assert.deepEqual([denied.allowed, denied.policy], [false, 'user']);
    assert.deepEqual(await left(limiter, { org: 'o', user: 'u2' }), [120, 100]);
    const other = await limiter.reserve({ org: 'o', user: 'u2' }, 100);
    assert.equal(other.allowed, true);
    const third = await limiter.reserve({ org: 'o', user: 'u3' }, 30);
    assert.deepEqual([third.allowed, third.policy], [false, 'org']);
    await limiter.reservation(other.detach()).settle(10);
    assert.equal((await limiter.reserve({ org: 'o', user: 'u3' }, 30)).allowed, true);
  },
  {
    policies: {
      org: fixedWindow({ limit: 200, window: '90d', by: 'org' }),
      user: fixedWindow({ limit: 100, window: '90d', by: ['org', 'user'] }),
    },
    shardBy: 'org',
  },
);

overEach('estimates of 0, and above the limit', async (limiter) => {
  const none = await limiter.reserve('k', { tokens: 0, jobs: 0 });
  assert.equal(none.allowed, true);
  assert.deepEqual((await none.settle({ tokens: 7 })).charged, { tokens: 7, jobs: 0 });
  const never = await limiter.reserve('k', { tokens: 1001 });
  assert.deepEqual([never.allowed, never.policy, never.retryAfterMs], [false, 'tokens', Infinity]);
  assert.deepEqual(await left(limiter), [993, 3]);
});

overEach('wrong arguments are named', async (limiter) => {
  const reserve = (estimate, options) => limiter.reserve('k', estimate, options);
  for (const [estimate, options, code, message] of [
    [Number.NaN, {}, 'ERR_SLUICE_COST', /^estimate must be a whole number/],
    [undefined, {}, 'ERR_SLUICE_COST', /^estimate must be/],
    [{ token: 1 }, {}, 'ERR_SLUICE_UNKNOWN_OPTION', /'token'.*'tokens'/],
    [1, { ttl: 5 }, 'ERR_SLUICE_UNKNOWN_OPTION', /Did you mean 'ttlMs'/],
    [1, { ttlMs: 0 }, 'ERR_SLUICE_OPTIONS', /^ttlMs must be a number of milliseconds above 0/],
    [1, { ttlMs: '1m' }, 'ERR_SLUICE_OPTIONS', /^ttlMs/],
    [1, { ttlMs: 9e9 }, 'ERR_SLUICE_OPTIONS', /100 days/],
    [1, { onExpire: 'settle' }, 'ERR_SLUICE_OPTIONS', /^onExpire must be 'estimate'/],
  ]) {
    await assert.rejects(reserve(estimate, options), { code, message });
  }
  for (const id of ['x', 5, undefined, {}, '1'.repeat(60), `1${'a'.repeat(48)}s!`]) {
    assert.throws(() => limiter.reservation(id), { code: 'ERR_SLUICE_RESERVATION' });
  }
  const open = await reserve({ tokens: 5 });
  await assert.rejects(open.settle({ token: 1 }), { code: 'ERR_SLUICE_UNKNOWN_OPTION' });
  await assert.rejects(open.settle(-1), { code: 'ERR_SLUICE_COST' });
  await assert.rejects(open.checkpoint(0.5), { code: 'ERR_SLUICE_COST' });
  await assert.rejects(open.renew(-1), { code: 'ERR_SLUICE_OPTIONS' });
  assert.equal((await open.settle({ tokens: 5 })).ok, true, 'none of these ended it');
});

overEach(
  'an id of another limiter, key or process is unknown, and changes nothing',
  async (limiter) => {
    const reservation = await limiter.reserve('k', { tokens: 600 });
    const id = reservation.detach();
    const unknown = { ok: false, charged: {}, reason: 'unknown' };
    const other = createLimiter({
      policies: { tokens: fixedWindow({ limit: 1000, window: '1d' }) },
    });
    assert.deepEqual(await other.reservation(id).settle(1), unknown);
    await other.close();
    // The same holder under another key.
    const key = Buffer.from(JSON.stringify(['other'])).toString('base64url');
    const forged = id.slice(0, 50) + key;
    assert.deepEqual(await limiter.reservation(forged).settle({ tokens: 1 }), unknown);
    assert.deepEqual(await left(limiter), [400, 2]);
    assert.deepEqual(await left(limiter, 'other'), [1000, 3]);
  },
);

overEach('the id of a long key is an id', async (limiter) => {
  const reservation = await limiter.reserve('k'.repeat(100_000), { tokens: 600 });
  const { ok } = await limiter.reservation(reservation.detach()).settle({ tokens: 5 });
  assert.equal(ok, true);
});

overEach(
  'an id names the key as it was when it was reserved',
  async (limiter) => {
    const key = { user: 'a' };
    const made = limiter.reserve(key, 50);
    key.user = 'b';
    const { ok } = await limiter.reservation((await made).detach()).settle(5);
    assert.deepEqual([ok, await left(limiter, { user: 'a' })], [true, [95]]);
  },
  { policies: { tokens: fixedWindow({ limit: 100, window: '90d', by: 'user' }) } },
);

overEach(
  'a usage names policies by its own properties alone',
  async (limiter) => {
    const reservation = await limiter.reserve('k', 50);
    const { charged } = await reservation.settle({ tokens: 5 });
    assert.deepEqual(charged, { tokens: 5, toString: 50 });
  },
  { policies: { tokens: POLICIES.tokens, toString: POLICIES.tokens } },
);

overEach('reset forgets the reservations of a key', async (limiter) => {
  const reservation = await limiter.reserve('k', { tokens: 600 });
  await limiter.reset('k');
  assert.equal((await reservation.settle({ tokens: 5 })).reason, 'unknown');
  assert.deepEqual(await left(limiter), [1000, 3]);
});

test('a clock drives reservations of a memory store', async () => {
  const clock = manualClock();
  const limiter = createLimiter({
    policies: tokenBucket({ capacity: 100, refill: 100, every: '100s' }),
    store: memory({ clock }),
  });
  const a = await limiter.reserve('k', 60, { ttlMs: 10_000, onExpire: 'refund' });
  const b = await limiter.reserve('k', 40, { ttlMs: 20_000, onExpire: 'checkpoint' });
  await b.checkpoint(50);
  clock.advance('25s');
  // 50 undrained units come back at 10 s; 10 more are charged at 20 s.
  assert.equal((await limiter.peek('k')).remaining, 65);
  assert.equal((await a.cancel()).reason, 'expired');
});

test('a reservation that nobody ends is cancelled when it is collected, with one warning', async () => {
  const limiter = createLimiter({ policies: POLICIES });
  const warned = once(process, 'warning');
  await (async () => {
    await limiter.reserve('k', { tokens: 600 });
  })();
  for (let i = 0; i < 50 && (await left(limiter))[0] !== 1000; i++) {
    await sleep(10);
    collect();
  }
  assert.deepEqual(await left(limiter), [1000, 3]);
  const [warning] = await warned;
  assert.equal(warning.code, 'SLUICE_RESERVATION_DROPPED');
});

// The proxy cuts the connection while the reply is under way: the server has executed the operation.
const operations = {
  checkpoint: [(r) => r.checkpoint({ tokens: 70 }), false],
  extend: [async (r) => (await r.extend({ tokens: 200 })).allowed, true],
  renew: [(r) => r.renew(60_000), true],
  settle: [async (r) => (await r.settle({ tokens: 70 })).charged.tokens, 70],
  cancel: [async (r) => (await r.cancel()).charged.tokens, 0],
};
const used = { checkpoint: 100, extend: 200, renew: 100, settle: 70, cancel: 0 };
for (const [name, [run, expected]] of Object.entries(operations)) {
  test(`the reply to ${name} is lost: it is sent again, and charges once`, async () => {
    const proxy = await startFaultProxy({ to: server.port });
    const limiter = createLimiter({
      policies: POLICIES,
      store: redis(proxy.url),
      prefix: `r${++prefixes}`,
      onStoreError: 'throw',
      deadlineMs: 5000,
    });
    const reservation = await limiter.reserve('k', { tokens: 100 });
    await proxy.set({ cutReplyAfter: 1 });
    const answer = run(reservation);
    await sleep(100);
    await proxy.set({});
    assert.equal(await answer, expected);
    assert.equal((await left(limiter))[0], 1000 - used[name]);
    await limiter.close();
    await proxy.stop();
  });
}

test('the reply to reserve is lost: what it reserved is cancelled', async () => {
  const proxy = await startFaultProxy({ to: server.port });
  const limiter = createLimiter({
    policies: POLICIES,
    store: redis(proxy.url),
    prefix: `r${++prefixes}`,
    onStoreError: 'throw',
    deadlineMs: 300,
  });
  assert.deepEqual(await left(limiter), [1000, 3]);
  await proxy.set({ cutReplyAfter: 1 });
  const code = 'ERR_SLUICE_STORE_UNAVAILABLE';
  await assert.rejects(limiter.reserve('k', { tokens: 100 }), { code });
  await proxy.set({});
  for (let i = 0; i < 100 && (await left(limiter).catch(() => [0]))[0] !== 1000; i++)
    await sleep(50);
  assert.deepEqual(await left(limiter), [1000, 3]);
  await limiter.close();
  await proxy.stop();
});

test('without Redis, a reservation is made and settled in this process', async () => {
  const limiter = createLimiter({
    policies: POLICIES,
    store: redis('redis://127.0.0.1:1'),
    prefix: `r${++prefixes}`,
    deadlineMs: 100,
  });
  const reservation = await limiter.reserve('k', { tokens: 600 });
  assert.deepEqual([reservation.allowed, reservation.source], [true, 'local']);
  assert.equal((await limiter.reserve('k', { tokens: 600 })).allowed, false);
  const { ok, charged } = await limiter.reservation(reservation.detach()).settle({ tokens: 5 });
  assert.deepEqual([ok, charged.tokens], [true, 5]);
  assert.equal((await limiter.reserve('k', { tokens: 600 })).allowed, true);
  await limiter.close();
});

test('a ledger that is not ours is left alone, and only its key errs', async () => {
  const prefix = `r${++prefixes}`;
  const limiter = createLimiter({
    policies: { tokens: POLICIES.tokens },
    store: redis(server.url),
    prefix,
    onStoreError: 'throw',
    deadlineMs: 5000,
  });
  await limiter.reserve('k', 5);
  const [ledger] = await client.keys(`${prefix}:{k}:*:r`);
  const [field] = await client.hkeys(ledger);
  await client.hset(ledger, field, 'o 12 nonsense');
  const code = 'ERR_SLUICE_STORE_UNAVAILABLE';
  const id = (await limiter.reserve('other', 5)).detach();
  const broken = limiter.reservation(
    `1${field}${id.slice(33, 49)}s${Buffer.from('["k"]').toString('base64url')}`,
  );
  await assert.rejects(broken.settle(1), { code, fault: 'foreign' });
  assert.equal(await client.hget(ledger, field), 'o 12 nonsense');
  assert.equal((await limiter.reserve('other', 5)).allowed, true);
  await client.set(ledger.replace('{k}', '{s}'), 'a string');
  await assert.rejects(limiter.reserve('s', 5), { code, fault: 'foreign' });
  assert.equal((await limiter.check('s')).remaining, 999);
  await limiter.close();
});

test('every key that reservations leave in Redis has a time to live', async () => {
  const prefix = `r${++prefixes}`;
  const limiter = createLimiter({ policies: POLICIES, store: redis(server.url), prefix });
  const reservation = await limiter.reserve('k', { tokens: 5 }, { ttlMs: 5000 });
  await reservation.renew(10_000);
  await (await limiter.reserve('k', { tokens: 5 })).settle({ tokens: 2 });
  const keys = await client.keys(`${prefix}:{k}:*`);
  assert.equal(keys.length, 6, keys.join());
  for (const key of keys) assert.ok((await client.pttl(key)) > 0, key);
  await limiter.close();
});

test('stubs reserve too', async () => {
  const open = await allowAll().reserve('k', { any: 5 });
  assert.deepEqual([open.allowed, await open.checkpoint({ any: 1 })], [true, false]);
  assert.deepEqual(await open.settle({ any: 3 }), { ok: true, charged: { any: 3 } });
  assert.equal((await open.cancel()).reason, 'settled');
  const denied = await denyAll().reserve('k', 5);
  assert.deepEqual(
    [denied.allowed, denied.id, (await denied.settle(1)).reason],
    [false, '', 'unknown'],
  );
});

const { vectors } = JSON.parse(
  readFileSync(new URL('../vectors/reservations.json', import.meta.url), 'utf8'),
);

/** Runs one step, and returns the fields that the step expects. */
async function runStep(limiter, reservations, names, { op, id, units, ttl, rule }) {
  const byName = Object.fromEntries(
    names.flatMap((name, i) =>
      units?.[i] === undefined || units[i] === null ? [] : [[name, units[i]]],
    ),
  );
  const remaining = ({ policies }) => policies.map(({ remaining }) => remaining);
  if (op === 'peek') return { remaining: remaining(await limiter.peek('k', { cost: 0 })) };
  if (op === 'reset') return limiter.reset('k').then(() => ({}));
  const reservation = reservations.get(id);
  if (op === 'reserve') {
    const made = await limiter.reserve('k', byName, { ttlMs: ttl, onExpire: rule });
    reservations.set(id, made);
    return { allowed: made.allowed, remaining: remaining(made) };
  }
  if (op === 'extend') {
    try {
      const decision = await reservation.extend(byName);
      return { allowed: decision.allowed, remaining: remaining(decision) };
    } catch (error) {
      return { outcome: /settled|expired/.exec(error.message)[0] };
    }
  }
  if (op === 'checkpoint') {
    const spent = await reservation.checkpoint(byName);
    return { spent: [spent] };
  }
  if (op === 'renew') return { outcome: (await reservation.renew(ttl)) ? 'ok' : 'expired' };
  const { charged, reason = 'ok' } = await (op === 'settle'
    ? reservation.settle(byName)
    : reservation.cancel());
  return { outcome: reason, charged: names.map((name) => charged[name]) };
}

for (const { name, policies, steps } of vectors) {
  // The API makes an id for each reservation, so that none is made twice.
  if (name === 'reserved twice') continue;
  test(`vector: ${name}`, async () => {
    let now = 0;
    const limiter = createLimiter({
      policies: Object.fromEntries(policies.map((policy) => [policy.name, policyOfVector(policy)])),
      store: memory({ clock: { now: () => now } }),
    });
    const names = policies.map((policy) => policy.name);
    const reservations = new Map();
    for (const [i, step] of steps.entries()) {
      // Checkpoints of one moment would travel as one.
      if (step.op === 'checkpoint') await sleep(60);
      now = step.at;
      const actual = await runStep(limiter, reservations, names, step);
      for (const field of Object.keys(actual)) {
        if (step.outcome === 'unknown' && field === 'charged') continue;
        if (step[field] !== undefined)
          assert.deepEqual(actual[field], step[field], `step ${i}: ${field}`);
      }
    }
    await limiter.close();
  });
}
