// Users with only the rights in docs/redis.md: on one server, a cluster with moving slots and changing masters, and
// sentinels. Errors name the missing right and the server.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  leakyBucket,
  redis,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { CLIENTS, CLUSTER_CLIENTS } from '../support/clients.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

const documented = await readFile(new URL('../../docs/redis.md', import.meta.url), 'utf8');
/**
 * The documented lines: of a server, of a cluster's nodes beside it, of a sentinels' master, of a sentinel, and of a
 * client of one's own.
 */
const [OF_SERVER, OF_NODE, OF_MASTER, OF_SENTINEL, OF_CLIENT] = documented
  .replaceAll('\\\n', ' ')
  .match(/^ACL SETUSER limiter .+$/gm)
  .map((line) => line.trim().split(/\s+/));
const login = { username: 'limiter', password: 'a-long-password' };
const sentinelLogin = { sentinelUsername: login.username, sentinelPassword: login.password };

const bucket = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });
const nine = { limit: 9, window: '1h' };
const everyAlgorithm = {
  bucket,
  queue: leakyBucket({ capacity: 9, leak: 1, every: '1h', mode: 'shape' }),
  fixed: fixedWindow(nine),
  sliding: slidingWindow({ ...nine, chargeDenied: true }),
  log: slidingLog({ ...nine, chargeDenied: true, blockFor: '1m' }),
  slots: concurrency({ limit: 1, ttl: '1h' }),
};

let prefixes = 0;
/** Prefixes as they come: of a limiter, of a named one, and of the policies of a NestJS handler. */
const PREFIXES = ['sluice', 'sluice:search', 'sluice#Cats.list'];
const limiterOver = (options, more = {}) =>
  createLimiter({
    policies: bucket,
    store: redis({ ...login, ...options }),
    prefix: `sluice:${prefixes++}`,
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...more,
  });

async function grant(servers, ...rules) {
  for (const server of servers) for (const rule of rules) await server.command(...rule);
}

/** The commands that a server refused to the user, by its log. */
async function refusals(server) {
  const log = await server.command('ACL', 'LOG', 100);
  const entries = log.map((flat) =>
    Object.fromEntries(flat.flatMap((at, i) => (i % 2 === 0 ? [[at, flat[i + 1]]] : []))),
  );
  return entries.filter(({ username }) => username === 'limiter').map(({ object }) => object);
}

/** Only optional commands were refused. Users' clients send the last one, which exists since Redis 7.2. */
const OPTIONAL = ['info', 'config|get', 'client|setinfo'];

async function refusedNothing(servers) {
  for (const server of servers) {
    const vain = (await refusals(server)).filter((object) => !OPTIONAL.includes(object));
    assert.deepEqual(vain, [], server.url);
  }
}

/** All that a limiter does, of every algorithm. */
async function useAll(limiter, key = 'k') {
  const first = await limiter.check(key);
  assert.deepEqual([first.allowed, first.source], [true, 'store']);
  assert.equal(await first.holder.release(), true);
  const second = await limiter.check(key, { cost: 5, id: 'one' });
  assert.equal(second.allowed, true);
  assert.equal((await limiter.check(key, { cost: 5 })).allowed, false);
  assert.equal((await limiter.peek(key)).source, 'store');
  assert.equal(await second.holder.renew(), true);
  await limiter.credit(key, 2, { of: second });
  await limiter.debit(key, 1);
  assert.equal(await second.holder.release(), true);
  await limiter.block(key, '1s');
  await limiter.unblock(key);
  await limiter.reset(key);
  const dying = await limiter.reserve(key, 1, { ttlMs: 1, onExpire: 'refund' });
  assert.deepEqual([dying.allowed, dying.source], [true, 'store']);
  await sleep(10);
  assert.equal((await limiter.reservation(dying.detach()).settle(1)).reason, 'expired');
  const reservation = await limiter.reserve(key, 1);
  assert.equal(await reservation.renew(60_000), true);
  assert.equal((await reservation.settle(2)).ok, true);
  await limiter.reset(key);
}

/** Under every form of name that a limiter writes: prefixes, keys, shards, ids. */
async function useAllNames(options) {
  for (const prefix of PREFIXES) {
    const plain = limiterOver(options, { policies: everyAlgorithm, prefix });
    for (const key of ['k', 'a {long} key '.repeat(30)]) await useAll(plain, key);
    const sharded = limiterOver(options, {
      policies: {
        bucketOfUser: tokenBucket({ capacity: 1000, refill: 1, every: '1h', by: 'user' }),
        logOfOrg: slidingLog({ ...nine, chargeDenied: true, by: 'org' }),
        slotsOfOrg: concurrency({ limit: 1, ttl: '1h', by: 'org' }),
      },
      shardBy: 'org',
      prefix,
    });
    const decision = await sharded.check({ user: 'u', org: 'o' }, { id: 'one' });
    assert.equal(decision.source, 'store');
    await plain.close();
    await sharded.close();
  }
}

/** The error of a check; 'store' if Redis decided it. */
async function told(options, { deadlineMs = 10_000, key = 'k', ...more } = {}) {
  const limiter = limiterOver(options, { deadlineMs, ...more });
  try {
    return (await limiter.check(key)).source;
  } catch (error) {
    return error.message;
  } finally {
    await limiter.close();
  }
}

/** A limiter over a client of one's own, with the same rights, does its work. */
async function useClient(name, client, close) {
  try {
    for (const prefix of PREFIXES) {
      const limiter = createLimiter({
        policies: everyAlgorithm,
        store: redis({ client }),
        prefix,
        onStoreError: 'throw',
        denialCache: false,
        deadlineMs: 60_000,
      });
      for (const key of ['a', 'b', 'c', 'd']) await useAll(limiter, `${name} ${key}`);
      await limiter.close();
    }
  } finally {
    close(client);
  }
}

const addressOf = ({ port }) => `127.0.0.1:${port}`;

describe('one server', () => {
  let server;
  let options;
  before(async () => {
    server = await startRedis();
    options = { url: server.url, database: 1 };
    await grant([server], OF_SERVER);
  });
  after(() => server.stop());

  test('the documented rights are enough for every algorithm, and for nothing else', async () => {
    await useAllNames(options);
    await refusedNothing([server]);
    const connection = server.connect();
    await connection.call('AUTH', login.username, login.password);
    await assert.rejects(connection.call('MGET', 'other'), /NOPERM/);
    await assert.rejects(connection.call('GET', 'sluice:k'), /NOPERM/);
    connection.disconnect();
  });

  for (const [name, { open, close }] of Object.entries(CLIENTS)) {
    test(`${name}: with the documented rights more it decides, too`, async (t) => {
      await grant([server], OF_CLIENT, ['ACL', 'LOG', 'RESET']);
      t.after(() => grant([server], ['ACL', 'SETUSER', 'limiter', '-@all'], OF_SERVER));
      await useClient(name, open(server.url, { ...login }), close);
      await refusedNothing([server]);
    });
  }

  for (const right of OF_SERVER.filter((word) => word.startsWith('+'))) {
    test(`${right} is needed, and its lack is said`, async (t) => {
      const name = right.slice(1);
      await server.command('ACL', 'LOG', 'RESET');
      // A script that the server knows need not be loaded.
      await server.command('SCRIPT', 'FLUSH');
      await grant([server], ['ACL', 'SETUSER', 'limiter', `-${name}`]);
      t.after(() => grant([server], ['ACL', 'SETUSER', 'limiter', right]));
      const limiter = limiterOver(options, { policies: everyAlgorithm });
      const error = await useAll(limiter).catch((e) => e);
      await limiter.close();
      assert.ok((await refusals(server)).includes(name), `${name} is not asked for`);
      // Sweeping only frees memory: the removed entries never count.
      if (name === 'zremrangebyscore') return;
      const said = `${error?.message}`;
      // Redis 7.0 does not name a command that a script may not run.
      assert.match(
        said,
        new RegExp(`'${name.replace('|', '\\|')}'|ACL LOG on the server names it`),
      );
      assert.ok(said.includes(addressOf(server)), said);
    });
  }

  test('a key pattern that leaves the limiter out, or lets it only read, is said', async () => {
    for (const pattern of ['~other:*', '%R~sluice:*']) {
      await grant([server], ['ACL', 'SETUSER', 'limiter', 'resetkeys', pattern]);
      assert.match(await told(options), /NOPERM .*key patterns for reading and writing keys/);
    }
    await grant([server], OF_SERVER);
    assert.equal(await told(options), 'store');
  });
});

describe('a cluster', () => {
  let cluster;
  let options;
  before(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 });
    options = { nodes: [cluster.urls[0]], cluster: true };
    await grant(cluster.nodes, OF_SERVER, OF_NODE);
  });
  after(() => cluster?.stop());

  /** Checks of 30 keys, over and over, until the work is done. All have to be decided by the store. */
  async function underLoad(limiter, work) {
    let running = true;
    const ask = async (offset) => {
      for (let i = offset; running; i++) {
        assert.equal((await limiter.check(`k${i % 30}`)).source, 'store');
      }
    };
    const load = Promise.all(Array.from({ length: 8 }, (_, i) => ask(i)));
    await Promise.race([work(), load]);
    running = false;
    await load;
  }

  test('the documented rights are enough, also while slots move and replicas take over', async () => {
    await useAllNames(options);
    const limiter = limiterOver(options);
    await underLoad(limiter, async () => {
      const slots = await Promise.all(
        Array.from({ length: 12 }, (_, i) => cluster.slotOf(`{k${i}}`)),
      );
      for (const to of await cluster.masters()) {
        // Half-way, a key that is not there yet is asked for at the other node.
        await cluster.reshard(slots, to, async ({ slot, moveKeys }) => {
          await moveKeys();
          const moved = `k${slots.indexOf(slot)}`;
          assert.equal((await limiter.check(moved)).source, 'store');
        });
      }
    });
    await cluster.settled();
    const [first] = await cluster.masters();
    await underLoad(limiter, () => cluster.failover(first));
    await cluster.settled();
    await limiter.close();
    await refusedNothing(cluster.nodes);
  });

  for (const [name, { open, close }] of Object.entries(CLUSTER_CLIENTS)) {
    test(`${name}: with the documented rights more it decides, too`, async () => {
      await grant(cluster.nodes, OF_CLIENT, ['ACL', 'LOG', 'RESET']);
      const forNodes = name === 'node-redis' ? { defaults: login } : { redisOptions: login };
      await useClient(name, await open(cluster.urls, forNodes), close);
      await refusedNothing(cluster.nodes);
    });
  }

  test('a master dies, and its replica knows the user', async () => {
    const limiter = limiterOver(options, { onStoreError: 'local', deadlineMs: 200 });
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    const decided = async () => {
      const sources = await Promise.all(keys.map(async (key) => (await limiter.peek(key)).source));
      return sources.every((source) => source === 'store');
    };
    await until('all are served', decided);
    const [, victim] = await cluster.masters();
    const heir = await cluster.replicaOf(victim);
    await cluster.kill(victim);
    await cluster.promoted(heir);
    await until('all are served again', decided);
    await limiter.close();
    await refusedNothing(cluster.live);
    await cluster.restart(victim);
    await grant([victim], OF_SERVER, OF_NODE);
    await cluster.settled();
  });

  test('the error names the missing right and the node', async () => {
    await grant(cluster.nodes, OF_SERVER, OF_NODE);
    await grant(cluster.nodes, ['ACL', 'SETUSER', 'limiter', '-cluster|slots']);
    assert.match(await told(options), /127\.0\.0\.1:\d+: NOPERM .*'cluster\|slots'/);
    await grant(cluster.nodes, ['ACL', 'SETUSER', 'limiter', '+cluster|slots', '-asking']);

    const slot = await cluster.slotOf('{moving}');
    const from = await cluster.ownerOf(slot);
    const to = (await cluster.masters()).find((node) => node !== from);
    const migration = await cluster.beginMigration(slot, to);
    const asked = await told(options, { key: 'moving' });
    assert.match(asked, new RegExp(`${addressOf(to)}: NOPERM .*'asking'`));
    await migration.finish();

    await grant([to], ['ACL', 'SETUSER', 'limiter', '-evalsha']);
    const lone = await told(options, { key: 'moving' });
    assert.match(lone, new RegExp(`${addressOf(to)}: NOPERM .*'evalsha'`));
    await grant([to], ['ACL', 'DELUSER', 'limiter']);
    const unknown = await told(options, { key: 'moving' });
    assert.match(unknown, new RegExp(`${addressOf(to)}: WRONGPASS`));
    await grant(cluster.nodes, OF_SERVER, OF_NODE);
    assert.equal(await told(options, { key: 'moving' }), 'store');
  });
});

describe('sentinels', () => {
  let group;
  let options;
  before(async () => {
    group = await startSentinel({ replicas: 1 });
    options = { sentinels: group.urls, master: group.name, ...sentinelLogin };
    await grant(group.servers, OF_SERVER, OF_MASTER);
    await grant(group.sentinels, OF_SENTINEL);
  });
  after(() => group?.stop());

  test('the documented rights are enough, also when the master changes', async () => {
    await useAllNames(options);
    const limiter = limiterOver(options, { onStoreError: 'local', deadlineMs: 200 });
    const decides = (server) =>
      until('the master decides', async () => {
        const { source } = await limiter.check('k');
        const [node] = limiter.stats().redis.nodes;
        return source === 'store' && node.address === addressOf(server);
      });
    await decides(await group.master());
    await decides(await group.failover());
    const second = await group.master();
    await second.kill();
    await decides(await group.switched(second));
    await limiter.close();
    const alive = group.servers.filter((server) => server !== second);
    await refusedNothing([...alive, ...group.sentinels]);
    await second.restart();
    await grant([second], OF_SERVER, OF_MASTER);
  });

  test('the error names the missing right and the server', async () => {
    const master = await group.master();
    await grant([master], ['ACL', 'SETUSER', 'limiter', '-role']);
    assert.match(await told(options), new RegExp(`${addressOf(master)}: NOPERM .*'role'`));
    await grant([master], ['ACL', 'SETUSER', 'limiter', '+role', '-evalsha']);
    assert.match(await told(options), new RegExp(`${addressOf(master)}: NOPERM .*'evalsha'`));
    const lost = ['ACL', 'SETUSER', 'limiter', '-@all'];
    await grant(group.sentinels, lost);
    const unnamed = await told(options);
    assert.match(unnamed, /127\.0\.0\.1:\d+: NOPERM .*'sentinel\|get-master-addr-by-name'/);
    assert.ok(
      group.sentinels.some((sentinel) => unnamed.includes(`${addressOf(sentinel)}: NOPERM`)),
    );
  });
});
