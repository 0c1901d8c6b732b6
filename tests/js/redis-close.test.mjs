// close(): earlier calls, even of the same turn of the event loop, are sent and answered.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { concurrency, createLimiter, redis, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

let prefixes = 0;
const policies = {
  bucket: tokenBucket({ capacity: 10, refill: 1, every: '1h' }),
  slots: concurrency({ limit: 1, ttl: '1h' }),
};
const make = (way, prefix) =>
  createLimiter({
    policies,
    store: redis(way),
    prefix,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
  });

/** What to ask before close(), and what a limiter of another connection then finds. */
const LAST_WORDS = {
  release: {
    ask: (_limiter, { holder }) => holder.release(),
    answer: true,
    found: { remaining: 9, slots: 1 },
  },
  renew: {
    ask: (_limiter, { holder }) => holder.renew(),
    answer: true,
    found: { remaining: 9, slots: 0 },
  },
  'credit of a decision': {
    ask: (limiter, of) => limiter.credit('k', 1, { of }),
    found: { remaining: 10, slots: 0 },
  },
  credit: { ask: (limiter) => limiter.credit('k', 1), found: { remaining: 10, slots: 0 } },
  debit: { ask: (limiter) => limiter.debit('k', 4), found: { remaining: 5, slots: 0 } },
  block: { ask: (limiter) => limiter.block('k', '1h'), found: { remaining: 0, slots: 0 } },
  reset: { ask: (limiter) => limiter.reset('k'), found: { remaining: 10, slots: 1 } },
};

const ways = {
  'over a URL': () => ({ way: server.url, close() {} }),
  ...Object.fromEntries(
    Object.entries(CLIENTS).map(([name, { open, close }]) => [
      `over ${name}`,
      () => {
        const client = open(server.url);
        return { way: { client }, close: () => close(client) };
      },
    ]),
  ),
};

for (const [name, connect] of Object.entries(ways)) {
  describe(name, () => {
    for (const [what, { ask, answer, found }] of Object.entries(LAST_WORDS)) {
      test(`${what}, then close() in one turn`, async (t) => {
        const { way, close } = connect();
        t.after(close);
        const prefix = `close${prefixes++}`;
        const limiter = make(way, prefix);
        const decision = await limiter.check('k');
        assert.equal(decision.allowed, true);
        const asked = ask(limiter, decision);
        const order = [];
        const noted = asked.then(() => order.push('answered'));
        await limiter.close();
        order.push('closed');
        assert.equal(await asked, answer);
        await noted;
        assert.deepEqual(order, ['answered', 'closed']);
        const other = make(server.url, prefix);
        t.after(() => other.close());
        const { policies } = await other.peek('k', { cost: 0 });
        assert.deepEqual({ remaining: policies[0].remaining, slots: policies[1].remaining }, found);
      });
    }
  });
}

test('many releases at once, and checks whose holders cannot be released any more', async (t) => {
  const prefix = `close${prefixes++}`;
  const limiter = make(server.url, prefix);
  const decisions = await limiter.checkMany(
    Array.from({ length: 50 }, (_, i) => ({ key: `k${i}` })),
  );
  const released = decisions.map(({ holder }) => holder.release());
  await limiter.close();
  assert.deepEqual(await Promise.all(released), Array(50).fill(true));
  await assert.rejects(decisions[0].holder.release(), { code: 'ERR_SLUICE_CLOSED' });
  const other = make(server.url, prefix);
  t.after(() => other.close());
  for (const { slots } of (await other.checkMany(decisions.map((_, i) => ({ key: `k${i}` })))).map(
    ({ policies }) => ({ slots: policies[1] }),
  )) {
    assert.equal(slots.allowed, true);
  }
});

test('a call that gives up waiting refunds its charge, although the limiter closes', async (t) => {
  const prefix = `close${prefixes++}`;
  const limiter = make(server.url, prefix);
  const { signal, abort } = (() => {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort() };
  })();
  const waiting = limiter.wait('k', { signal });
  abort();
  await Promise.allSettled([waiting, limiter.close()]);
  const other = make(server.url, prefix);
  t.after(() => other.close());
  const { policies } = await other.peek('k', { cost: 0 });
  assert.deepEqual(
    policies.map(({ remaining }) => remaining),
    [10, 1],
  );
});

test('a call that is aborted in the turn of close() gives its turn back', async (t) => {
  const prefix = `close${prefixes++}`;
  const limiter = make(server.url, prefix);
  await limiter.check('k', { cost: { bucket: 10, slots: 0 } });
  const controller = new AbortController();
  const cost = { bucket: 1, slots: 0 };
  const waiting = limiter.wait('k', { cost, signal: controller.signal });
  const left = async () => (await limiter.peek('k', { cost })).retryAfterMs;
  await until('it has a turn', async () => (await left()) > 3_700_000);
  controller.abort();
  await Promise.allSettled([waiting, limiter.close()]);
  const other = make(server.url, prefix);
  t.after(() => other.close());
  const { retryAfterMs } = await other.peek('k', { cost });
  assert.ok(retryAfterMs <= 3_600_000, `${retryAfterMs} ms: the turn is still taken`);
});

test('close waits for the answers of a server that hangs', async (t) => {
  const frozen = await startRedis();
  t.after(() => frozen.stop());
  const limiter = make(frozen.url, 'p');
  const { holder } = await limiter.check('k');
  const connected = () => limiter.stats()?.redis.connected;
  await until('it is connected', connected);
  frozen.freeze();
  const released = holder.release();
  let closed = false;
  const closing = limiter.close().then(() => {
    closed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(closed, false);
  frozen.thaw();
  assert.equal(await released, true);
  await closing;
});
