// redis({ client }): failures of a user's client and of its server: lost scripts, hangs, ends, nonsense.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Ioredis } from 'ioredis';
import { concurrency, createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

let prefixes = 0;
const over = (own, options = {}) =>
  createLimiter({
    policies: tokenBucket({ capacity: 3, refill: 1, every: '1h' }),
    store: redis({ client: own }),
    prefix: `lost${prefixes++}`,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...options,
  });

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

test('the queue of a client that cannot connect stays short', async () => {
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
