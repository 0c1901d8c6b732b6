// Servers that refuse a command or ask for no password: the limiter decides in another way, or says what is missing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';
import { collectMessages } from '../support/collect.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

const policies = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });

async function serverWith(t, ...args) {
  const server = await startRedis({ args });
  t.after(() => server.stop());
  return server;
}

function limiterOver(t, options, more = {}) {
  const store = redis(options);
  const limiter = createLimiter({
    policies,
    store,
    onStoreError: 'throw',
    deadlineMs: 60_000,
    denialCache: false,
    ...more,
  });
  t.after(() => limiter.close());
  return limiter;
}

/** The events published about any of these servers. */
function listen(t, servers) {
  const ports = new Set(servers.map(({ port }) => String(port)));
  const isTheirs = ({ address }) => ports.has(address.split(':').at(-1));
  return collectMessages(t, 'sluice:warning', isTheirs);
}

const renamed = (...commands) => commands.flatMap((command) => ['--rename-command', command, '']);
const NEVER = ['script', 'evalsha'];

/** How often the server executed it. */
async function calls(server, command) {
  const told = await server.command('INFO', 'commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(told)?.[1] ?? 0);
}

test('SCRIPT is renamed: the script goes with the first batch, and its name with the others', async (t) => {
  const server = await serverWith(t, ...renamed('SCRIPT'));
  const limiter = limiterOver(t, server.url);
  for (let i = 1; i <= 5; i++) {
    const { source, remaining } = await limiter.check('k');
    assert.deepEqual([source, remaining], ['store', 1000 - i]);
  }
  assert.equal(await calls(server, 'eval'), 1);
  assert.equal(limiter.stats().redis.reconnects, 0);
});

test('SCRIPT and EVALSHA are renamed: the script goes with each batch', async (t) => {
  const server = await serverWith(t, ...renamed(...NEVER));
  const limiter = limiterOver(t, server.url);
  for (let i = 0; i < 5; i++) assert.equal((await limiter.check('k')).source, 'store');
  assert.equal(await calls(server, 'eval'), 5);
});

for (const missing of [['-script|load'], ['-script'], ['-evalsha'], ['-script', '-evalsha']]) {
  test(`a user without the right to ${missing} is served by EVAL`, async (t) => {
    const server = await serverWith(t);
    const rights = ['on', '>pw', 'allkeys', '+@all', ...missing];
    await server.command('ACL', 'SETUSER', 'app', ...rights);
    const limiter = limiterOver(t, { url: server.url, username: 'app', password: 'pw' });
    for (let i = 0; i < 3; i++) assert.equal((await limiter.check('k')).source, 'store');
  });
}

test('without EVAL, too, the error names the commands and the rights that would do', async (t) => {
  const server = await serverWith(t);
  const rights = ['on', '>pw', 'allkeys', '+@all', '-script', '-eval'];
  await server.command('ACL', 'SETUSER', 'app', ...rights);
  const limiter = limiterOver(t, { url: server.url, username: 'app', password: 'pw' });
  await assert.rejects(limiter.check('k'), {
    fault: 'server',
    message:
      /^Redis at 127\.0\.0\.1:\d+ answered with an error \(server\): NOPERM .*'script(\|load)?' command.* and for EVAL: NOPERM .*'eval' command.* \(the user needs \+script\|load and \+evalsha, or \+eval\)$/,
  });
  await server.command('ACL', 'SETUSER', 'app', '+eval');
  await until('it decides', async () => (await limiter.check('k').catch(() => ({}))).allowed);
});

test('a server that executes no scripts is no longer taken for a sentinel alone', async (t) => {
  const server = await serverWith(t, ...renamed(...NEVER, 'eval'));
  const limiter = limiterOver(t, server.url);
  await assert.rejects(
    limiter.check('k'),
    /unknown command.*SCRIPT.*; and for EVAL: ERR unknown command.*EVAL.* \(the server executes no scripts; /,
  );
});

test('a cluster whose nodes refuse SCRIPT is served by EVAL, also while a slot moves', async (t) => {
  const cluster = await startCluster({ masters: 3, args: renamed('SCRIPT') });
  t.after(() => cluster.stop());
  const limiter = limiterOver(t, { nodes: cluster.urls, cluster: true });
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  for (const key of keys) assert.equal((await limiter.check(key)).source, 'store');
  const slot = await cluster.slotOf('{moving}');
  const from = await cluster.ownerOf(slot);
  const to = (await cluster.masters()).find((node) => node !== from);
  const migration = await cluster.beginMigration(slot, to);
  // ASK: the other node may not know the script.
  assert.equal((await limiter.check('moving')).source, 'store');
  await migration.finish();
});

for (const [name, { open, close }] of Object.entries(CLIENTS)) {
  test(`${name}: a user without the right to EVALSHA is served by EVAL`, async (t) => {
    const server = await serverWith(t);
    await server.command('ACL', 'SETUSER', 'app', 'on', '>pw', 'allkeys', '+@all', '-evalsha');
    const client = open(server.url, { username: 'app', password: 'pw' });
    t.after(() => close(client));
    const limiter = limiterOver(t, { client });
    for (let i = 0; i < 3; i++) assert.equal((await limiter.check('k')).source, 'store');
    await server.command('ACL', 'SETUSER', 'app', '-eval');
    await assert.rejects(limiter.check('k'), /'evalsha'.*'eval'.*needs \+evalsha and \+eval/);
  });
}

test('a password for a server that has none: it decides, and that is said once', async (t) => {
  const server = await serverWith(t);
  const events = listen(t, [server]);
  const limiter = limiterOver(t, server.url.replace('//', '//:hunter2@'));
  assert.equal((await limiter.check('k')).source, 'store');
  await until('it is told', () => events.length > 0);
  assert.equal(events.length, 1);
  assert.equal(events[0].warning, 'no-password');
  assert.equal(JSON.stringify(events).includes('hunter2'), false);
  assert.deepEqual(limiter.stats().redis.nodes[0].warnings.length, 1);
});

test('a password for sentinels that ask for none: the master is found, and that is said', async (t) => {
  const group = await startSentinel({ replicas: 0 });
  t.after(() => group.stop());
  const events = listen(t, group.sentinels);
  const { name: master, urls: sentinels } = group;
  const limiter = limiterOver(t, { sentinels, master, sentinelPassword: 'hunter2' });
  assert.equal((await limiter.check('k')).source, 'store');
  await until('it is told', () => events.length > 0);
  assert.equal(events[0].warning, 'no-password');
});

test('URLs: the case of the scheme, family=0 and db= mean what they mean elsewhere', async (t) => {
  const server = await serverWith(t);
  const { port } = server;
  for (const url of [
    `REDIS://127.0.0.1:${port}`,
    `redis://127.0.0.1:${port}?family=0`,
    `redis://@127.0.0.1:${port}/2?family=0`,
    `redis://127.0.0.1:${port}?db=2`,
  ]) {
    assert.equal((await limiterOver(t, url).check('k')).source, 'store', url);
  }
  assert.match(await server.command('INFO', 'keyspace'), /db2:keys=/);
});
