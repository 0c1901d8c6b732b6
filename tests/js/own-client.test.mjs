// redis({ client }): what a client of one's own may be, and what it may do to a limiter. What a limiter answers over
// one is in own-client-*.test.mjs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis as Ioredis } from 'ioredis';
import { createClient, createClientPool } from 'redis';
import { concurrency, createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { startRedis } from '../support/redis-server.mjs';
import { CLIENTS } from './support/clients.mjs';

let server;
let client;
before(async () => {
  server = await startRedis();
  client = new Ioredis(server.url);
});
after(async () => {
  client.disconnect();
  await server.stop();
});

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
    assert.deepEqual(await client.keys(`*${prefix}*`), [`app:${prefix}:{k}:default:tb1`]);
    await limiter.reset('k');
    assert.deepEqual(await client.keys(`*${prefix}*`), []);
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

// ---- What may happen to a client

for (const [name, { open, close }] of Object.entries(CLIENTS)) {
  test(`${name}: a server that forgot the script is sent it, and each check is charged once`, async () => {
    const own = open(server.url);
    const limiter = over(own, { policies: fixedWindow({ limit: 300, window: '1h' }) });
    await limiter.check('k');
    await client.script('FLUSH');
    const decisions = await limiter.checkMany(Array.from({ length: 200 }, () => ({ key: 'k' })));
    assert.deepEqual(
      decisions.map(({ remaining }) => remaining),
      decisions.map((_, i) => 298 - i),
    );
    assert.ok(limiter.stats().redis.scriptReloads > 0);
    await limiter.close();
    close(own);
  });

  test(`${name}: a hung server costs a check its deadline, though nothing else happens`, async () => {
    const hung = await startRedis();
    const own = open(hung.url);
    const limiter = over(own, { deadlineMs: 50, onStoreError: 'local' });
    while ((await limiter.check('k')).source !== 'store');
    process.kill(hung.pid, 'SIGSTOP');
    try {
      const order = [];
      const late = setTimeout(() => order.push('half a minute passed'), 30_000);
      const decisions = Promise.all(
        Array.from({ length: 300 }, (_, i) => limiter.check(`k${i}`)),
      ).finally(() => order.push('answered'));
      assert.ok((await decisions).every(({ source }) => source === 'local'));
      clearTimeout(late);
      assert.deepEqual(order, ['answered']);
      // From now on nobody waits.
      while (limiter.stats().redis.nodes[0].breaker === 'closed') await limiter.check('k');
    } finally {
      process.kill(hung.pid, 'SIGCONT');
    }
    while ((await limiter.check('k')).source !== 'store') await sleep(5);
    assert.equal(limiter.stats().redis.nodes[0].breaker, 'closed');
    await limiter.close();
    close(own);
    await hung.stop();
  });

  test(`${name}: a server that is killed and comes back decides again`, async () => {
    const killed = await startRedis();
    const own = open(killed.url);
    const limiter = over(own, { deadlineMs: 100, onStoreError: 'local' });
    while ((await limiter.check('k')).source !== 'store');
    await killed.kill();
    for (let i = 0; i < 20; i++) assert.equal((await limiter.check(`k${i}`)).source, 'local');
    await killed.restart();
    while ((await limiter.check('k')).source !== 'store') await sleep(5);
    await limiter.close();
    close(own);
    await killed.stop();
  });

  test(`${name}: a client that its owner closes leaves the checks to the rule`, async () => {
    const own = open(server.url);
    const limiter = over(own);
    const local = over(own, { onStoreError: 'local', deadlineMs: 100 });
    await limiter.check('k');
    close(own);
    await assert.rejects(limiter.check('k'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    assert.equal((await local.check('k')).source, 'local');
    assert.equal(local.stats().redis.connected, false);
    await Promise.all([limiter.close(), local.close()]);
  });

  test(`${name}: a slot that came too late is given back`, async () => {
    const hung = await startRedis();
    const own = open(hung.url);
    const limiter = over(own, {
      policies: concurrency({ limit: 1, ttl: '1h' }),
      deadlineMs: 50,
      onStoreError: 'deny',
    });
    while ((await limiter.peek('k')).source !== 'store');
    process.kill(hung.pid, 'SIGSTOP');
    assert.equal((await limiter.check('k')).source, 'deny');
    process.kill(hung.pid, 'SIGCONT');
    // The check is executed now, and nobody holds the slot that it takes.
    for (let decision = await limiter.peek('k'); ; decision = await limiter.peek('k')) {
      if (decision.source === 'store' && decision.allowed) break;
      await sleep(5);
    }
    await limiter.close();
    close(own);
    await hung.stop();
  });
}

test('a client without an offline queue: its checks go by the rule at once', async () => {
  const own = new Ioredis('redis://127.0.0.1:1', { enableOfflineQueue: false });
  own.on('error', () => {});
  const limiter = over(own, { onStoreError: 'local', deadlineMs: 60_000 });
  for (let i = 0; i < 10; i++) assert.equal((await limiter.check('k')).source, 'local');
  await limiter.close();
  own.disconnect();
});

test('what waits in the queue of a client that cannot connect stays little', async () => {
  const own = new Ioredis('redis://127.0.0.1:1', { maxRetriesPerRequest: null });
  own.on('error', () => {});
  const limiter = over(own, { onStoreError: 'local', deadlineMs: 5 });
  for (let i = 0; i < 400; i++) {
    assert.equal((await limiter.check('k')).source, 'local');
    await sleep(1);
  }
  assert.ok(own.offlineQueue.length <= 4, `${own.offlineQueue.length} commands`);
  await limiter.close();
  own.disconnect();
});

test('a client that throws, or answers with anything, fails its checks alone', async () => {
  const answers = [
    () => {
      throw new Error('thrown');
    },
    () => Promise.reject('a string'),
    () => Promise.reject(undefined),
    () => 7,
    async () => undefined,
    async () => null,
    async () => ({}),
    async () => [1, [2]],
    async () => ['x', 1],
    async () => [1.5, Number.NaN],
    async () => [2n ** 70n],
    async () => new Array(100_000).fill(1),
    async () =>
      new Proxy([1, 2], {
        get(target, name) {
          if (name === '1') throw new Error('no');
          return target[name];
        },
      }),
  ];
  for (const answer of answers) {
    const own = { isOpen: true, sendCommand: answer };
    const limiter = over(own);
    for (let i = 0; i < 5; i++) {
      await assert.rejects(limiter.check('k'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    }
    await limiter.close();
  }
});

test('a process ends though a client never answers', async () => {
  const script = `
    import { createLimiter, redis, tokenBucket } from 'sluice';
    const client = { isOpen: true, sendCommand: () => new Promise(() => {}) };
    const limiter = createLimiter({
      policies: tokenBucket({ capacity: 3, every: '1h' }), store: redis({ client }), deadlineMs: 20,
    });
    console.log((await limiter.check('k')).source);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: new URL('.', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [[out], [code]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
  assert.deepEqual([String(out).trim(), code], ['local', 0]);
});
