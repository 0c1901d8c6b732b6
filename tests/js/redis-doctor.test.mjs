// Warnings about servers that answer: sluice:warning, stats() and process warnings, over real servers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { collectMessages, collectWarnings } from '../support/collect.mjs';
import { hangUp, raw, startFakeRedis } from '../support/fake-redis.mjs';
import { startRedis, until } from '../support/redis-server.mjs';
import { steppedClock } from '../support/stepped-clock.mjs';

const policies = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });

async function serverWith(t, options) {
  const server = await startRedis(options);
  t.after(() => server.stop());
  return server;
}

function limiterAt(t, options) {
  const store = redis(options);
  const limiter = createLimiter({ policies, store, onStoreError: 'throw', deadlineMs: 60_000 });
  t.after(() => limiter.close());
  return limiter;
}

/** The events published about that server. */
function listen(t, { port }) {
  return collectMessages(t, 'sluice:warning', ({ address }) => address.endsWith(`:${port}`));
}

const warningsOf = (limiter) => limiter.stats().redis.nodes[0].warnings;

/** The number of INFO commands that the server got. */
async function infoCalls(server) {
  const told = /cmdstat_info:calls=(\d+)/.exec(await server.command('INFO', 'commandstats'));
  return Number(told?.[1] ?? 0);
}

test('a server that evicts: an event once, and in stats() for as long as it does', async (t) => {
  const args = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
  const server = await serverWith(t, { args });
  const events = listen(t, server);
  const limiter = limiterAt(t, server.url);
  await until('it is told', () => events.length > 0);
  const detail =
    'maxmemory-policy is allkeys-lru: when its memory is full, the server evicts limits in use; use noeviction';
  const address = `127.0.0.1:${server.port}`;
  assert.deepEqual(events, [{ address, warning: 'evicting-policy', detail }]);
  assert.deepEqual(warningsOf(limiter), [{ warning: 'evicting-policy', detail }]);
  assert.equal('warnings' in limiter.stats().redis, false, 'they are by node');

  const reconnect = async () => {
    const { reconnects } = limiter.stats().redis;
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until('the connection is back', () => limiter.stats().redis.reconnects > reconnects);
    assert.equal((await limiter.check('k')).source, 'store');
  };
  await reconnect();
  assert.equal(warningsOf(limiter).length, 1);
  await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  // A connection that ends while a question is in flight leaves the next one unexamined.
  const reconnectUntil = (what, holds) =>
    until(what, async () => {
      await reconnect();
      for (let i = 0; i < 40 && !holds(); i++) await sleep(25);
      return holds();
    });
  await reconnectUntil('it is no more', () => warningsOf(limiter).length === 0);
  assert.equal(events.length, 1, 'told once');
  await server.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
  await reconnectUntil('it is told again', () => events.length === 2);
});

test('a replica, and a clock that is off', async (t) => {
  const clock = await steppedClock();
  t.after(() => clock.remove());
  const master = await serverWith(t, {});
  const replica = await serverWith(t, {
    args: ['--replicaof', `127.0.0.1 ${master.port}`],
    env: clock.env,
  });
  clock.step(-61_000);
  const events = listen(t, replica);
  const limiter = limiterAt(t, replica.url);
  await until('both are told', () => events.length === 2);
  assert.deepEqual(events.map(({ warning }) => warning).sort(), ['clock', 'replica']);
  const { detail } = events.find(({ warning }) => warning === 'clock');
  // The longer the answer took, the less it says.
  const [, behind] = detail.match(/^the server's clock is (\d+\.\d) s behind this process's$/);
  assert.ok(behind > 40 && behind < 80, detail);
  assert.equal(warningsOf(limiter).length, 2);
  // It refuses again and again; the warning comes once.
  for (let i = 0; i < 5; i++) await assert.rejects(limiter.check('k'), /READONLY/);
  assert.equal(events.length, 2);
});

test('all is well: nothing is said, with or without a bound on memory', async (t) => {
  for (const args of [[], ['--maxmemory', '100mb'], ['--maxmemory-policy', 'allkeys-lru']]) {
    const server = await serverWith(t, { args });
    const events = listen(t, server);
    const before = await infoCalls(server);
    const limiter = limiterAt(t, server.url);
    await limiter.check('k');
    await until('it was asked', async () => (await infoCalls(server)) >= before + 3);
    await limiter.check('k');
    assert.deepEqual([events, warningsOf(limiter)], [[], []], args.join(' '));
  }
});

test('a user without the right to ask is served, without a warning', async (t) => {
  const args = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
  const server = await serverWith(t, { args });
  const rules = 'on >pw ~* -@all +ping +evalsha +script|load +time +mget +set +del +unlink';
  await server.command('ACL', 'SETUSER', 'app', ...rules.split(' '));
  const events = listen(t, server);
  const options = { url: server.url, username: 'app', password: 'pw' };
  const limiter = limiterAt(t, options);
  await limiter.check('k');
  await until('it was refused', async () => (await server.command('ACL', 'LOG')).length >= 2);
  for (let i = 0; i < 3; i++) assert.equal((await limiter.check('k')).source, 'store');
  const { connected, breaker, faults, reconnects, warnings } = limiter.stats().redis.nodes[0];
  assert.deepEqual(
    { connected, breaker, faults, reconnects, warnings },
    { connected: true, breaker: 'closed', faults: 0, reconnects: 0, warnings: [] },
  );
  assert.deepEqual(events, []);

  // A user who may only read the configuration sees enough.
  await server.command('ACL', 'SETUSER', 'app', '+config|get');
  await server.command('CLIENT', 'KILL', 'USER', 'app');
  await until('it is told', () => events.length === 1);
  assert.equal(events[0].warning, 'evicting-policy');
});

test('a server that hangs up at the questions is not asked them twice in a row', async (t) => {
  const fake = await startFakeRedis(([name, , keys]) => {
    if (name === 'INFO') return hangUp;
    return name === 'EVALSHA' ? raw(`*2\r\n:1\r\n${':0\r\n'.repeat(keys)}`) : undefined;
  });
  t.after(() => fake.stop());
  const limiter = limiterAt(t, fake.url);
  await until('it hung up, and the connection is back', () => limiter.stats().redis.reconnects > 0);
  for (let i = 0; i < 20; i++) assert.equal((await limiter.check('k')).source, 'store');
  assert.equal(fake.connections, 2);
});

test('without a subscriber there is one process warning for each finding', async (t) => {
  const args = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
  const server = await serverWith(t, { args });
  const warnings = collectWarnings(t, ({ code }) => code === 'SLUICE_STORE_WARNING');
  const first = limiterAt(t, server.url);
  await until('the process is warned', () => warnings.length > 0);
  await first.close();
  const second = limiterAt(t, server.url);
  await until('it is known again', () => warningsOf(second).length > 0);
  await second.check('k');
  assert.equal(warnings.length, 1);
  assert.equal(warnings[0].name, 'SluiceWarning');
  assert.match(warnings[0].message, /^Redis at 127\.0\.0\.1:\d+: maxmemory-policy is allkeys-lru/);
});

test('a later thread gets the known warnings', async (t) => {
  const args = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];
  const server = await serverWith(t, { args });
  const events = listen(t, server);
  const limiter = limiterAt(t, server.url);
  await until('it is told', () => events.length === 1);
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { subscribe } = require('node:diagnostics_channel');
     const { createLimiter, redis, tokenBucket } = require('sluice');
     subscribe('sluice:warning', (event) => parentPort.postMessage(event));
     createLimiter({ policies: tokenBucket({ capacity: 1000, refill: 1, every: '1h' }), store: redis(workerData) });
     setTimeout(() => {}, 60_000);`,
    { eval: true, workerData: server.url },
  );
  t.after(() => worker.terminate());
  const [event] = await once(worker, 'message');
  assert.equal(event.warning, 'evicting-policy');
  await limiter.check('k');
  assert.equal(events.length, 1);
});
