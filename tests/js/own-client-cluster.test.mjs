// redis({ client }) over a Redis Cluster: the client finds the node, and each call's keys share a slot.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { concurrency, createLimiter, fixedWindow, redis, slidingLog, tokenBucket } from 'sluice';
import { CLUSTER_CLIENTS } from '../support/clients.mjs';
import { startCluster } from '../support/redis-cluster.mjs';

let cluster;
before(async () => {
  cluster = await startCluster({ masters: 3, replicas: 1 });
});
after(() => cluster.stop());

let prefixes = 0;
const ten = () => fixedWindow({ limit: 10, window: '50d' });
const over = (client, options = {}) =>
  createLimiter({
    policies: ten(),
    store: redis({ client }),
    prefix: `cl${prefixes++}`,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...options,
  });

const VARIANTS = {
  ...CLUSTER_CLIENTS,
  'ioredis, automatic pipelines': {
    ...CLUSTER_CLIENTS.ioredis,
    open: (urls) => CLUSTER_CLIENTS.ioredis.open(urls, { enableAutoPipelining: true }),
  },
  'iovalkey, automatic pipelines': {
    ...CLUSTER_CLIENTS.iovalkey,
    open: (urls) => CLUSTER_CLIENTS.iovalkey.open(urls, { enableAutoPipelining: true }),
  },
  'ioredis, keyPrefix': {
    ...CLUSTER_CLIENTS.ioredis,
    open: (urls) => CLUSTER_CLIENTS.ioredis.open(urls, { keyPrefix: 'app:' }),
  },
};

for (const [name, { open, close }] of Object.entries(VARIANTS)) {
  test(`${name}: keys of all slots are decided, in order, and reset`, async () => {
    const client = await open(cluster.urls);
    const policies = {
      fixed: ten(),
      log: slidingLog({ limit: 20, window: '50d' }),
      slots: concurrency({ limit: 30, ttl: '50d' }),
    };
    const limiter = over(client, { policies });
    const checks = Array.from({ length: 600 }, (_, i) => ({ key: `k${i % 50}` }));
    const decisions = await limiter.checkMany(checks);
    for (const [i, { allowed, source, policies }] of decisions.entries()) {
      const before = Math.floor(i / 50);
      assert.deepEqual([allowed, source], [before < 10, 'store'], `check ${i}`);
      assert.equal(policies[0].remaining, Math.max(0, 9 - before), `check ${i}`);
    }
    assert.equal(await decisions[3].holder.release(), true);
    await limiter.reset('k7');
    assert.equal((await limiter.check('k7')).remaining, 9);
    const stats = limiter.stats().redis;
    assert.deepEqual([stats.connected, stats.nodes.length, stats.faults], [true, 1, 0]);
    assert.ok(stats.largestBatch > 1, 'those of one slot travel together');
    await limiter.close();
    close(client);
  });
}

for (const [name, { open, close }] of Object.entries(CLUSTER_CLIENTS)) {
  test(`${name}: keys in different slots are refused, whatever the rule; with shardBy they are one`, async () => {
    const client = await open(cluster.urls);
    const by = (part) => fixedWindow({ limit: 10, window: '50d', by: part });
    const policies = { tenant: by('tenant'), user: by(['tenant', 'user']) };
    assert.throws(() => over(client, { policies }), { code: 'ERR_SLUICE_CROSS_SLOT' });
    const limiter = over(client, { policies, shardBy: 'tenant' });
    const left = (await limiter.check({ tenant: 't', user: 'u' })).policies.map((p) => p.remaining);
    assert.deepEqual(left, [9, 9]);
    await limiter.close();
    close(client);
  });

  test(`${name}: scripts that nodes forgot are sent to each, and each check is charged once`, async () => {
    const client = await open(cluster.urls);
    const limiter = over(client);
    const keys = Array.from({ length: 60 }, (_, i) => ({ key: `k${i}` }));
    await limiter.checkMany(keys);
    for (const node of await cluster.masters()) await node.command('SCRIPT', 'FLUSH');
    for (const { remaining } of await limiter.checkMany(keys)) assert.equal(remaining, 8);
    assert.ok(limiter.stats().redis.scriptReloads >= 3);
    await limiter.close();
    close(client);
  });

  test(`${name}: a slot that moves away, while it is asked for and after, costs no check`, async () => {
    const client = await open(cluster.urls);
    const prefix = `move-${name}`;
    const limiter = over(client, { prefix, policies: fixedWindow({ limit: 1e6, window: '50d' }) });
    let admitted = 0;
    let going = true;
    const load = (async () => {
      for (; going; admitted++) {
        const { allowed, source } = await limiter.check('k');
        assert.deepEqual([allowed, source], [true, 'store']);
      }
    })();
    const slot = await cluster.slotOf(`${prefix}:{k}`);
    for (const to of await cluster.masters()) {
      await cluster.reshard([slot], to, async () => {
        const before = admitted;
        while (admitted < before + 20) await sleep(1);
      });
      const before = admitted;
      while (admitted < before + 20) await sleep(1);
    }
    going = false;
    await load;
    assert.equal((await limiter.peek('k', { cost: 0 })).remaining, 1e6 - admitted);
    await limiter.close();
    close(client);
  });

  test(`${name}: a node that hangs holds up its own slots alone, and decides again afterwards`, async () => {
    const client = await open(cluster.urls);
    // Long enough that on a busy machine, too, nobody else is late.
    const limiter = over(client, { onStoreError: 'local', deadlineMs: 1000 });
    const [node] = await cluster.masters();
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    const mine = [];
    for (const key of keys) {
      // Each kind of client connects to a node when it first has need of it.
      while ((await limiter.check(key)).source !== 'store');
      mine.push((await cluster.ownerOf(await cluster.slotOf(key))) === node);
    }
    const sources = () => Promise.all(keys.map(async (key) => (await limiter.peek(key)).source));
    node.freeze();
    try {
      for (let round = 0; round < 2; round++) {
        const answers = await sources();
        assert.deepEqual(
          answers,
          mine.map((hung) => (hung ? 'local' : 'store')),
        );
      }
    } finally {
      node.thaw();
    }
    while ((await sources()).some((source) => source !== 'store')) await sleep(20);
    await limiter.close();
    close(client);
    await cluster.settled();
  });

  test(`${name}: a node that hangs is found out once, not by each of its slots`, async () => {
    const client = await open(cluster.urls);
    const limiter = over(client, { onStoreError: 'local', deadlineMs: 150 });
    const [node] = await cluster.masters();
    const keys = [];
    for (let i = 0; keys.length < 20; i++) {
      if ((await cluster.ownerOf(await cluster.slotOf(`n${i}`))) === node) keys.push(`n${i}`);
    }
    while ((await limiter.check(keys[0])).source !== 'store');
    node.freeze();
    try {
      let before;
      do {
        // A deadline that passed while this process stood still is not held against the node.
        assert.equal((await limiter.check(keys[0])).source, 'local');
        before = limiter.stats().redis;
      } while (before.nodes[0].breaker !== 'open');
      for (const { source } of await limiter.checkMany(keys.map((key) => ({ key })))) {
        assert.equal(source, 'local');
      }
      // No command was sent, except a probe that was due.
      const { batches, timeouts } = limiter.stats().redis;
      assert.ok(batches - before.batches <= 1, `${batches - before.batches} commands`);
      assert.ok(timeouts - before.timeouts <= 1, `${timeouts - before.timeouts} waited`);
    } finally {
      node.thaw();
    }
    while ((await limiter.check(keys[0])).source !== 'store') await sleep(20);
    await limiter.close();
    close(client);
    await cluster.settled();
  });

  test(`${name}: after a failover the new master decides`, async () => {
    const client = await open(cluster.urls);
    const limiter = over(client, { onStoreError: 'local', deadlineMs: 200 });
    const [master] = await cluster.masters();
    let key;
    for (let i = 0; key === undefined; i++) {
      const owner = await cluster.ownerOf(await cluster.slotOf(`f${i}`));
      if (owner === master) key = `f${i}`;
    }
    while ((await limiter.check(key)).source !== 'store');
    await cluster.failover(master);
    while ((await limiter.check(key)).source !== 'store') await sleep(5);
    await cluster.settled();
    await limiter.close();
    close(client);
  });
}

test('ioredis: a keyPrefix with a brace would move the hash tag, and is refused', () => {
  const { open, close } = CLUSTER_CLIENTS.ioredis;
  for (const keyPrefix of ['{app}:', '{', Buffer.from('{')]) {
    const client = open(cluster.urls, { keyPrefix, lazyConnect: true });
    assert.throws(() => redis({ client }), /keyPrefix/);
    close(client);
  }
});

test('a client for one server, given a node of a cluster, says so', async () => {
  const client = await createClient({ url: cluster.urls[0] }).connect();
  const limiter = over(client, { policies: tokenBucket({ capacity: 9, every: '1h' }) });
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => limiter.check(`k${i}`)),
  );
  const refused = answers.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 0);
  for (const { reason } of refused) assert.match(reason.message, /MOVED|CROSSSLOT/);
  await limiter.close();
  client.destroy();
});
