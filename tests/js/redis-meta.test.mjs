// The metadata under <prefix>:meta:*: a tool can read a limiter's keys by it, every kind of connection writes it, and
// a refusal has no effect.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  redis,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { CLIENTS, CLUSTER_CLIENTS } from '../support/clients.mjs';
import { collectWarnings } from '../support/collect.mjs';
import { MAKERS } from '../support/makers.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

const DAY_MS = 86_400_000;
let prefixes = 0;
const bucket = tokenBucket({ capacity: 20, refill: 10, every: '1s' });
function make(t, options = {}) {
  const limiter = createLimiter({
    policies: bucket,
    store: redis(server.url),
    prefix: `meta${prefixes++}`,
    onStoreError: 'throw',
    deadlineMs: 5000,
    ...options,
  });
  t.after(() => limiter.close());
  return limiter;
}
const metaNames = (prefix, at = server) => at.command('KEYS', `${prefix}:meta:*`);
async function published(prefix, count = 1) {
  await until('it is published', async () => (await metaNames(prefix)).length >= count);
  const names = await metaNames(prefix);
  assert.equal(names.length, count);
  return Promise.all(names.map((name) => server.command('GET', name)));
}

test('one JSON text for a limiter, under its digest, for a day', async (t) => {
  const prefix = 'my app';
  make(t, {
    prefix,
    policies: {
      burst: bucket,
      daily: fixedWindow({ limit: 5000, window: '1d', align: 'clock', enforce: false }),
    },
  });
  const [text] = await published('my%20app');
  assert.deepEqual(JSON.parse(text), {
    format: 1,
    prefix,
    policies: [
      {
        name: 'burst',
        algorithm: 'tokenBucket',
        state: 'tb1',
        options: { capacity: 20, refill: 10, every: '1s' },
      },
      {
        name: 'daily',
        algorithm: 'fixedWindow',
        state: 'fw1.86400000c',
        options: { limit: 5000, window: '1d', align: 'clock', enforce: false },
      },
    ],
  });
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 32);
  const name = `my%20app:meta:${digest}`;
  const ttl = await server.command('PTTL', name);
  assert.ok(ttl > DAY_MS - 60_000 && ttl <= DAY_MS, `${ttl}`);
});

test('a set of policies for each plan, and the part that shards', async (t) => {
  const limiter = make(t, {
    policies: undefined,
    plans: {
      free: { a: tokenBucket({ capacity: 5, every: 1000, by: 'user' }) },
      pro: { a: tokenBucket({ capacity: 9, every: 1000, by: 'user' }) },
    },
    shardBy: 'org',
    prefix: 'planned',
  });
  const said = (await published('planned', 2)).map((text) => JSON.parse(text));
  said.sort((one, other) => (one.plan < other.plan ? -1 : 1));
  for (const [i, capacity] of [5, 9].entries()) {
    assert.equal(said[i].plan, Object.keys(limiter.plans)[i]);
    assert.equal(said[i].shardBy, 'org');
    assert.deepEqual(said[i].policies[0].options, { capacity, every: 1000, by: 'user' });
  }
});

test('the published text of a policy makes it again, and names its states', async (t) => {
  const more = { blockFor: '1m', chargeDenied: true, enforce: false };
  const policies = {
    token: tokenBucket({ capacity: 9, every: 60_000, ...more }),
    gcra: gcra({ limit: 9, every: '1m', burst: 5 }),
    police: leakyBucket({ capacity: 9, leak: 3, every: '1m' }),
    shape: leakyBucket({ capacity: 9, leak: 3, every: '1m', mode: 'shape' }),
    first: fixedWindow({ limit: 9, window: '1m' }),
    month: fixedWindow({ limit: 9, window: 'month', align: 'clock' }),
    sliding: slidingWindow({ limit: 9, window: 90_000 }),
    log: slidingLog({ limit: 9, window: '1m', chargeDenied: true }),
    slots: concurrency({ limit: 9, ttl: '1m' }),
  };
  const limiter = make(t, { policies, prefix: 'all' });
  const [text] = await published('all');
  const said = JSON.parse(text);
  const again = Object.fromEntries(
    said.policies.map(({ name, algorithm, options }) => [name, MAKERS[algorithm].make(options)]),
  );
  assert.deepEqual(Object.keys(again), Object.keys(policies));
  // A limiter whose policies had other numbers would be refused.
  make(t, { policies: again, prefix: 'all' });
  assert.equal((await metaNames('all')).length, 1);
  await limiter.check('k');
  const states = (await server.command('KEYS', 'all:{k}:*')).map((name) =>
    name.replace(/:[lz]$/, ''),
  );
  assert.deepEqual(
    [...new Set(states)].sort(),
    said.policies
      .filter(({ name }) => name !== 'slots') // nothing but the set of holders
      .map(({ name, state }) => `all:{k}:${name}:${state}`)
      .concat(`all:{k}:slots:${said.policies.at(-1).state}`)
      .sort(),
  );
});

test('it is said over the next connection too, and no more by a limiter that is closed', async (t) => {
  const other = make(t, { prefix: 'gone', policies: fixedWindow({ limit: 1, window: '1h' }) });
  make(t, { prefix: 'stays' });
  await published('gone');
  await published('stays');
  await other.close();
  await server.command('FLUSHALL');
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await published('stays');
  assert.deepEqual(await metaNames('gone'), []);
});

for (const [name, { open, close }] of Object.entries(CLIENTS)) {
  test(`through a client of ${name}, behind the first answer`, async (t) => {
    const client = open(server.url);
    t.after(() => close(client));
    const prefix = `own-${name}`;
    const limiter = make(t, { store: redis({ client }), prefix });
    assert.equal((await limiter.check('k')).source, 'store');
    const [text] = await published(prefix);
    assert.equal(JSON.parse(text).policies[0].algorithm, 'tokenBucket');
    const { submitted, batches } = limiter.stats().redis;
    assert.deepEqual([submitted, batches], [1, 1]);
  });
}

test('a cluster has it on one of its nodes, through its clients too', async (t) => {
  const cluster = await startCluster({ masters: 3 });
  t.after(() => cluster.stop());
  const clients = await Promise.all(
    Object.values(CLUSTER_CLIENTS).map(async ({ open, close }) => {
      const client = await open(cluster.urls);
      t.after(() => close(client));
      return client;
    }),
  );
  const ways = [
    { nodes: cluster.urls.slice(0, 1), cluster: true },
    ...clients.map((client) => ({ client })),
  ];
  for (const [i, way] of ways.entries()) {
    // Several, so that there are some on each node.
    const limits = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const limit of limits) {
      const policies = { [`p${limit}`]: fixedWindow({ limit, window: '1h' }) };
      const limiter = make(t, { prefix: `way${i}`, policies, store: redis(way) });
      assert.equal((await limiter.check('k')).source, 'store');
    }
    await until('all are there', async () => {
      const names = await Promise.all(
        (await cluster.masters()).map((master) => metaNames(`way${i}`, master)),
      );
      return names.flat().length === limits.length;
    });
  }
});

test('a user without the right to publish still decides', async (t) => {
  const rights = ['resetkeys', '~sluice:{*', '+@all'];
  await server.command('ACL', 'SETUSER', 'mute', 'on', '>secret', ...rights);
  const warnings = collectWarnings(t, () => true);
  const store = redis({ url: server.url, username: 'mute', password: 'secret' });
  const limiter = make(t, { store, prefix: 'sluice' });
  assert.equal((await limiter.check('k')).source, 'store');
  await until('it was refused', async () =>
    (await server.command('ACL', 'LOG')).some((entry) => entry.includes('mute')),
  );
  assert.equal((await limiter.check('k')).source, 'store');
  const { breakerOpenings, faults, reconnects } = limiter.stats().redis;
  assert.deepEqual([breakerOpenings, faults, reconnects], [0, 0, 0]);
  assert.deepEqual(await metaNames('sluice'), []);
  assert.deepEqual(warnings, []);
});
