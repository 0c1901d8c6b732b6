// redis({ nodes, cluster: true }) over a real cluster: every node, slots that move, masters that are replaced.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { createLimiter, redis, slidingLog, tokenBucket } from 'sluice';
import { makeCertificates } from '../support/certificates.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

const bucket = tokenBucket({ capacity: 3, refill: 1, every: '1h' });
let cluster;
before(async () => {
  cluster = await startCluster({ masters: 3, replicas: 1 });
});
after(() => cluster?.stop());

let prefixes = 0;
/** Known by one of its nodes; every decision has to come from the store. */
function overCluster(options = {}) {
  return createLimiter({
    policies: bucket,
    store: redis({ nodes: [cluster.urls[0]], cluster: true }),
    prefix: `c${prefixes++}`,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...options,
  });
}

const nodesOf = (limiter) => limiter.stats().redis.nodes;

test('a cluster decides as one server does, and has its keys on all nodes', async () => {
  const server = await startRedis();
  const options = {
    policies: { a: bucket, b: tokenBucket({ capacity: 5, refill: 5, every: '1h' }) },
  };
  const inCluster = overCluster(options);
  const alone = overCluster({ ...options, store: redis(server.url) });
  try {
    for (let round = 0; round < 4; round++) {
      const calls = Array.from({ length: 60 }, (_, i) => ({ key: `k${i}`, cost: 1 + (i % 2) }));
      const [here, there] = await Promise.all(
        [inCluster, alone].map((one) => one.checkMany(calls)),
      );
      const told = ({ allowed, policy, remaining, source }) => [allowed, policy, remaining, source];
      assert.deepEqual(here.map(told), there.map(told));
    }
    const nodes = nodesOf(inCluster);
    assert.equal(nodes.length, 3);
    for (const { address, completed, connected } of nodes) {
      assert.ok(completed > 0 && connected, address);
    }
    assert.deepEqual(
      nodes.map(({ address }) => `redis://${address}`).sort(),
      (await cluster.masters()).map(({ url }) => url).sort(),
    );
  } finally {
    await Promise.all([inCluster.close(), alone.close()]);
    await server.stop();
  }
});

test('all that a limiter does goes to the node of its key', async () => {
  const limiter = overCluster();
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    await limiter.debit(key, 3);
    assert.equal((await limiter.check(key)).allowed, false);
    await limiter.reset(key);
    assert.equal((await limiter.check(key)).remaining, 2);
    await limiter.block(key, '1h');
    assert.equal((await limiter.check(key)).allowed, false);
    await limiter.unblock(key);
    assert.equal((await limiter.peek(key)).allowed, true);
  }
  await limiter.close();
});

test('slots move under load: a limiter of one policy sees no error and admits no more', async () => {
  const limiter = overCluster();
  const names = Array.from({ length: 40 }, (_, i) => `k${i}`);
  const admitted = new Map();
  let running = true;
  const ask = async (offset) => {
    for (let i = offset; running; i++) {
      const key = names[i % names.length];
      const { allowed, source } = await limiter.check(key);
      assert.equal(source, 'store');
      if (allowed) admitted.set(key, (admitted.get(key) ?? 0) + 1);
    }
  };
  const load = Promise.all(Array.from({ length: 16 }, (_, i) => ask(i)));
  const slots = await Promise.all(names.map((name) => cluster.slotOf(`{${name}}`)));
  for (const to of await cluster.masters()) await cluster.reshard(slots.slice(0, 20), to);
  running = false;
  await load;
  for (const name of names) assert.equal(admitted.get(name), 3, name);
  await limiter.close();
});

test('while a slot moves, its keys are found on both sides', async () => {
  const limiter = overCluster();
  const slot = await cluster.slotOf('{moving}');
  assert.equal((await limiter.check('moving')).remaining, 2);
  const from = await cluster.ownerOf(slot);
  const to = (await cluster.masters()).find((node) => node !== from);
  const migration = await cluster.beginMigration(slot, to);
  assert.equal((await limiter.check('moving')).remaining, 1);
  await migration.moveKeys();
  assert.equal((await limiter.check('moving')).remaining, 0);
  await migration.finish();
  assert.equal((await limiter.check('moving')).allowed, false);
  await limiter.close();
});

test('several policies of a key whose slot is half-way go by the rule at their deadline, and then on', async () => {
  const policies = { a: bucket, b: slidingLog({ limit: 3, window: '1h' }) };
  const limiter = overCluster({ policies, onStoreError: 'local', deadlineMs: 200 });
  const slot = await cluster.slotOf('{several}');
  const from = await cluster.ownerOf(slot);
  const to = (await cluster.masters()).find((node) => node !== from);
  const migration = await cluster.beginMigration(slot, to);
  assert.equal((await limiter.check('several')).source, 'local');
  await migration.finish();
  await until('the store decides', async () => (await limiter.check('several')).source === 'store');
  await limiter.close();
});

test('policies that count by different parts need shardBy, and say so when the limiter is made', async () => {
  const by = (part) => tokenBucket({ capacity: 3, refill: 1, every: '1h', by: part });
  const parts = { u: by('user'), t: by('tenant') };
  assert.throws(() => overCluster({ policies: parts }), {
    code: 'ERR_SLUICE_CROSS_SLOT',
    argument: 'shardBy',
  });
  const sharded = overCluster({ policies: parts, shardBy: 'tenant' });
  assert.equal((await sharded.check({ user: 'u', tenant: 't' })).source, 'store');
  await sharded.close();
  const alike = overCluster({ policies: { a: by('user'), b: by('user') } });
  assert.equal((await alike.check({ user: 'u' })).source, 'store');
  await alike.close();
});

test('a node asked as if it were alone: several keys are refused, whatever the rule', async () => {
  const by = (part) => tokenBucket({ capacity: 3, refill: 1, every: '1h', by: part });
  const limiter = overCluster({
    policies: { u: by('user'), t: by('tenant') },
    store: redis(cluster.urls[0]),
    onStoreError: 'local',
  });
  await assert.rejects(limiter.check({ user: 'u1', tenant: 't7' }), {
    code: 'ERR_SLUICE_CROSS_SLOT',
  });
  await limiter.close();
});

test('stores of the same nodes share their connections, whatever the order', async () => {
  const [first, second] = cluster.urls;
  const a = overCluster({ store: redis({ nodes: [first, second], cluster: true }) });
  const b = overCluster({ store: redis({ nodes: [second, first], cluster: true }) });
  await a.check('k');
  // Between the two looks the nodes may still be telling of themselves.
  await until('they tell of the same', () => isDeepStrictEqual(nodesOf(b), nodesOf(a)));
  await Promise.all([a.close(), b.close()]);
});

test('a master dies: only its keys are without it, and its replica takes over', async (t) => {
  const limiter = overCluster({ onStoreError: 'local', deadlineMs: 100 });
  const states = [];
  const note = ({ address, state }) => states.push([address, state]);
  subscribe('sluice:breaker', note);
  t.after(() => unsubscribe('sluice:breaker', note));
  const keys = Array.from({ length: 30 }, (_, i) => `f${i}`);
  for (const key of keys) while ((await limiter.check(key)).source !== 'store');
  const [victim] = await cluster.masters();
  const replica = await cluster.replicaOf(victim);
  await cluster.kill(victim);
  await until('its keys are decided here', async () => {
    const sources = await Promise.all(keys.map(async (key) => (await limiter.peek(key)).source));
    return sources.includes('local');
  });
  await cluster.promoted(replica);
  await until('the store decides on all', async () => {
    const sources = await Promise.all(keys.map(async (key) => (await limiter.peek(key)).source));
    return sources.every((source) => source === 'store');
  });
  const dead = victim.url.slice('redis://'.length);
  assert.ok(states.some(([address, state]) => address === dead && state === 'open'));
  await until('the dead one is forgotten', async () => {
    await limiter.peek('f0');
    return nodesOf(limiter).every(({ address }) => address !== dead);
  });
  assert.equal(nodesOf(limiter).length, 3);
  await until(
    'nobody who follows the breakers believes that it is still open',
    () => states.findLast(([address]) => address === dead)[1] === 'closed',
  );
  await limiter.close();
  await cluster.restart(victim);
  await cluster.settled();
});

test('over TLS', async () => {
  const certificates = await makeCertificates();
  const secure = await startCluster({ masters: 3, tls: certificates.forServer({}) });
  try {
    const tls = { ca: certificates.text(certificates.ca) };
    const store = redis({ nodes: secure.urls, cluster: true, tls });
    const limiter = overCluster({ store });
    const keys = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}` }));
    for (const { source } of await limiter.checkMany(keys)) assert.equal(source, 'store');
    assert.equal(nodesOf(limiter).length, 3);
    await limiter.close();
  } finally {
    await secure.stop();
    certificates.remove();
  }
});

test('options that do not go together are refused, and no value is shown', () => {
  const nodes = ['redis://:hunter2@a:1'];
  for (const [options, argument] of [
    [{ nodes }, 'redis.cluster'],
    [{ nodes, cluster: 'hunter2' }, 'redis.cluster'],
    [{ nodes: [], cluster: true }, 'redis.nodes'],
    [{ nodes: nodes[0], cluster: true }, 'redis.nodes'],
    [{ nodes: [...nodes, 'redis://:hunter3@b:1'], cluster: true }, 'redis.nodes[1]'],
    [{ nodes: ['redis://a', 'rediss://b'], cluster: true }, 'redis.nodes[1]'],
    [{ nodes: ['redis://a/1'], cluster: true }, 'redis.nodes[0]'],
    [{ nodes: ['redis+unix:///s'], cluster: true }, 'redis.nodes[0]'],
    [{ nodes, cluster: true, database: 1 }, 'redis.database'],
    [{ nodes, cluster: true, url: nodes[0] }, 'redis.nodes'],
    [{ nodes, cluster: true, master: 'hunter2' }, 'redis.master'],
    [{ url: nodes[0], sentinelPassword: 'hunter2' }, 'redis.sentinelPassword'],
    [{ sentinels: nodes }, 'redis.master'],
    [{ sentinels: nodes, master: '' }, 'redis.master'],
    [{ sentinels: nodes, master: 'm', cluster: true }, 'redis.cluster'],
    [{ sentinels: nodes, master: 'm', sentinelPassword: 7 }, 'redis.sentinelPassword'],
  ]) {
    assert.throws(
      () => redis(options),
      (error) => {
        assert.deepEqual([error.code, error.argument], ['ERR_SLUICE_OPTIONS', argument]);
        assert.doesNotMatch(error.message, /hunter/);
        return true;
      },
    );
  }
});
