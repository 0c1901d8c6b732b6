// redis({ client }): the accepted kinds of clients. own-client-*.test.mjs test the answers over them, and their
// failures.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis as Ioredis } from 'ioredis';
import { createClient, createClientPool } from 'redis';
import { concurrency, createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

const bucket = tokenBucket({ capacity: 3, refill: 1, every: '1h' });
let prefixes = 0;
const over = (own, options = {}) =>
  createLimiter({
    policies: bucket,
    store: redis({ client: own }),
    prefix: `own${prefixes++}`,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...options,
  });

const { ioredis, iovalkey, 'node-redis': nodeRedis } = CLIENTS;

// ---- What a client may be

for (const [what, own, named] of [
  ['nothing', undefined, /undefined/],
  ['null', null, /null/],
  ['a URL', 'redis://user:hunter2@localhost', /string/],
  ['some object', { get() {} }, /an object/],
  ['an object of another class', new Map(), /class Map/],
  ['a Redis class', Ioredis, /function/],
]) {
  test(`${what} is no client, and the error says what it was`, () => {
    assert.throws(
      () => redis({ client: own }),
      (error) => {
        assert.equal(error.code, 'ERR_SLUICE_OPTIONS');
        assert.equal(error.argument, 'redis.client');
        assert.match(error.message, /a client of ioredis, iovalkey or node-redis/);
        assert.match(error.message, named);
        assert.doesNotMatch(inspect(error), /hunter2/);
        return error instanceof TypeError;
      },
    );
  });
}

test('a pipeline is refused', () => {
  assert.throws(() => redis({ client: client.pipeline() }), /got a pipeline$/);
});

test('other options beside a client are refused by name', () => {
  for (const extra of [
    { url: server.url },
    { password: 'hunter2' },
    { tls: {} },
    { database: 1 },
  ]) {
    assert.throws(
      () => redis({ client, ...extra }),
      (error) => {
        assert.equal(error.code, 'ERR_SLUICE_OPTIONS');
        assert.match(
          error.message,
          new RegExp(`redis\\.${Object.keys(extra)[0]} must be left out`),
        );
        return !error.message.includes('hunter2');
      },
    );
  }
  assert.throws(() => redis({ client, prefix: 'x' }), { code: 'ERR_SLUICE_UNKNOWN_OPTION' });
});

for (const name of ['ioredis', 'iovalkey']) {
  test(`${name}: a client that was closed is refused; so is one that subscribes`, async () => {
    const own = CLIENTS[name].open(server.url, { protocol: 2 });
    await own.subscribe('news');
    assert.throws(() => redis({ client: own }), /got one in subscriber mode$/);
    await own.unsubscribe('news');
    redis({ client: own });
    own.disconnect();
    await once(own, 'end');
    assert.throws(() => redis({ client: own }), /got one that was closed$/);
  });
}

test('node-redis: a client of RESP2 that subscribes is refused', async () => {
  const own = nodeRedis.open(server.url, { RESP: 2 });
  await own.subscribe('news', () => {});
  assert.throws(() => redis({ client: own }), /got one in subscriber mode$/);
  own.destroy();
});

test('checkSync is refused, as over any Redis', async () => {
  const limiter = over(client);
  assert.throws(() => limiter.checkSync('k'), { code: 'ERR_SLUICE_ASYNC_STORE' });
  await limiter.close();
});

test('a store shows where its client goes, and no password', () => {
  const own = new Ioredis('redis://user:hunter2@localhost:1', { lazyConnect: true });
  const store = redis({ client: own });
  assert.equal(store.address, 'localhost:1');
  assert.doesNotMatch(inspect(store, { depth: 9, showHidden: true }), /hunter2/);
});

// ---- Kinds of clients

const VARIANTS = {
  'ioredis, connected later': () => ioredis.open(server.url, { lazyConnect: true }),
  'ioredis, numbers as strings': () => ioredis.open(server.url, { stringNumbers: true }),
  'ioredis, automatic pipelines': () => ioredis.open(server.url, { enableAutoPipelining: true }),
  'iovalkey, automatic pipelines': () => iovalkey.open(server.url, { enableAutoPipelining: true }),
  'node-redis, RESP2': () => nodeRedis.open(server.url, { RESP: 2 }),
  'node-redis, RESP3': () => nodeRedis.open(server.url, { RESP: 3 }),
  'node-redis, numbers as strings, texts as bytes': () =>
    // ':' and '$', by which RESP names numbers and texts
    nodeRedis.open(server.url).withTypeMapping({ 58: String, 36: Buffer }),
  'node-redis, a pool': () => createClientPool({ url: server.url }).connect(),
  'node-redis, connected later': () => {
    const own = createClient({ url: server.url });
    setImmediate(() => own.connect());
    return own;
  },
};

for (const [name, make] of Object.entries(VARIANTS)) {
  test(`${name}: it decides, in batches`, async () => {
    const own = await make();
    const policies = { bucket, slots: concurrency({ limit: 2, ttl: '1h' }) };
    const limiter = over(own, { policies });
    while (own.isOpen === false) await sleep(1); // node-redis takes no command before
    const keys = Array.from({ length: 200 }, (_, i) => ({ key: `k${i % 50}` }));
    const decisions = await limiter.checkMany(keys);
    assert.deepEqual(
      decisions.map(({ allowed, source }) => [allowed, source]),
      keys.map((_, i) => [i < 100, 'store']),
    );
    assert.equal(await decisions[0].holder.release(), true);
    await limiter.reset('k1');
    assert.equal((await limiter.check('k1')).remaining, 1, 'slots bind');
    const { redis: stats } = limiter.stats();
    assert.equal(stats.connected, true);
    assert.ok(stats.largestBatch > 100, `${stats.largestBatch}`);
    await limiter.close();
    await (own.destroy ?? own.disconnect).call(own);
  });
}

for (const name of ['ioredis', 'iovalkey']) {
  test(`${name}: its keyPrefix stands before every key, once`, async () => {
    const own = CLIENTS[name].open(server.url, { keyPrefix: 'app:' });
    const prefix = `kp-${name}`;
    const limiter = over(own, { prefix });
    await limiter.check('k');
    assert.deepEqual(await client.keys(`*${prefix}:{*`), [`app:${prefix}:{k}:default:tb1`]);
    await limiter.reset('k');
    assert.deepEqual(await client.keys(`*${prefix}:{*`), []);
    await limiter.close();
    own.disconnect();
  });
}

test('a link of ours and clients of all kinds count in one place', async () => {
  const prefix = 'together';
  const limiters = [];
  const owns = [];
  for (const { open, close } of Object.values(CLIENTS)) {
    const own = open(server.url);
    owns.push(() => close(own));
    limiters.push(over(own, { prefix, policies: fixedWindow({ limit: 10, window: '1h' }) }));
  }
  limiters.push(
    createLimiter({
      policies: fixedWindow({ limit: 10, window: '1h' }),
      store: redis(server.url),
      prefix,
      onStoreError: 'throw',
      deadlineMs: 60_000,
    }),
  );
  for (const [i, limiter] of limiters.entries()) {
    assert.equal((await limiter.check('k', { cost: 2 })).remaining, 8 - 2 * i);
  }
  for (const limiter of limiters) await limiter.close();
  for (const close of owns) close();
});

// ---- Limiters over one client

test('closing limiters leaves the client open, and other limiters over it go on', async () => {
  const [first, second] = [over(client), over(client)];
  await first.check('k');
  await first.close();
  assert.equal((await second.check('k')).remaining, 2);
  await second.close();
  assert.equal(await client.ping(), 'PONG');
  await assert.rejects(second.check('k'), { code: 'ERR_SLUICE_CLOSED' });
});

test('limiters over one client share batches and statistics', async () => {
  const [first, second] = [over(client), over(client)];
  const before = first.stats().redis.submitted;
  await Promise.all([first.check('k'), second.check('k')]);
  assert.equal(first.stats().redis.submitted, before + 2);
  assert.equal(second.stats().redis.submitted, before + 2);
  await Promise.all([first.close(), second.close()]);
});

test('two limiters that give one policy other numbers clash over one client, not over two', async () => {
  const prefix = 'clash';
  const first = over(client, { prefix });
  const policies = tokenBucket({ capacity: 4, refill: 1, every: '1h' });
  assert.throws(() => over(client, { prefix, policies }), { code: 'ERR_SLUICE_POLICY_CLASH' });
  const other = new Ioredis(server.url);
  const second = over(other, { prefix, policies });
  await Promise.all([first.close(), second.close()]);
  other.disconnect();
});
