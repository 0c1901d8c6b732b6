// Access of redis(): unix sockets, users and passwords, password functions; and the secrets it hides.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { collectMessages } from '../support/collect.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

const SECRET = 'hunter2';
const policies = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });
let server;
let socket;
before(async () => {
  server = await startRedis({ unixSocket: true, password: SECRET });
  socket = `redis+unix://${server.socketPath}`;
});
after(() => server.stop());

const limiterOver = (options, more = {}) =>
  createLimiter({
    policies,
    store: redis(options),
    onStoreError: 'throw',
    deadlineMs: 60_000,
    ...more,
  });

async function check(options) {
  const limiter = limiterOver(options);
  try {
    return await limiter.check('k');
  } finally {
    await limiter.close();
  }
}

const unavailable = (message) => ({ code: 'ERR_SLUICE_STORE_UNAVAILABLE', message });
const answers = (limiter) =>
  limiter.check('k').then(
    () => true,
    () => false,
  );

test('a unix socket, with a password and a database in the URL or beside it', async () => {
  const url = `redis+unix://:${SECRET}@${server.socketPath}?db=4`;
  assert.equal((await check(url)).source, 'store');
  assert.match(await server.command('INFO', 'keyspace'), /db4:keys=[1-3],/);
  assert.equal((await check({ url: socket, password: SECRET, database: 5 })).source, 'store');
  assert.match(await server.command('INFO', 'keyspace'), /db5:keys=[1-3],/);
  assert.equal(redis(url).address, `unix:${server.socketPath}`);
});

test('a unix socket that is not there is named', async () => {
  const url = `redis+unix://${server.socketPath}-missing`;
  await assert.rejects(
    check(url),
    unavailable(/socket-missing \(unavailable\): cannot connect: No such file/),
  );
});

test('a unix socket takes no TLS', () => {
  assert.throws(() => redis({ url: socket, tls: {} }), {
    code: 'ERR_SLUICE_OPTIONS',
    argument: 'redis.tls',
  });
});

test('a wrong password, a wrong user and no password are refused', async () => {
  const { port } = server;
  const url = `redis://127.0.0.1:${port}`;
  const wrongPass = unavailable(/\(refused\): WRONGPASS/);
  await assert.rejects(check({ url, password: 'wrong' }), wrongPass);
  await assert.rejects(check({ url, username: 'nobody', password: SECRET }), wrongPass);
  await assert.rejects(check({ url, password: () => 'wrong' }), wrongPass);
  await assert.rejects(check(url), unavailable(/\(refused\): NOAUTH/));
});

test('a password function is called for each connection, and a new token used', async () => {
  let token = SECRET;
  let calls = 0;
  const password = async () => {
    calls++;
    await sleep(1);
    return token;
  };
  const limiter = limiterOver({ url: socket, password, database: 1 });
  for (let i = 0; i < 3; i++) await limiter.check('k');
  assert.equal(calls, 1);
  await server.command('CONFIG', 'SET', 'requirepass', 'rotated');
  token = 'rotated';
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await until('the limiter is let in again', () => answers(limiter));
  assert.equal(calls, 2);

  // Redis refuses an old token, and Sluice fetches another one.
  token = 'stale';
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
  const refusal = /\(refused\): WRONGPASS/;
  await until('it is refused', () =>
    limiter.check('k').then(
      () => false,
      ({ message }) => refusal.test(message),
    ),
  );
  token = 'rotated';
  await until('the limiter is let in again', () => answers(limiter));
  await limiter.close();
  await server.command('CONFIG', 'SET', 'requirepass', SECRET);
});

test('a password function wins over the URL, and beside a user', async () => {
  await server.command('ACL', 'SETUSER', 'app', 'on', '>app-token', 'allkeys', '+@all');
  const url = `redis://other:wrong@127.0.0.1:${server.port}`;
  const decision = await check({ url, username: 'app', password: () => 'app-token' });
  assert.equal(decision.source, 'store');
});

test('limiters that are given one function share its connection', async () => {
  let calls = 0;
  const password = () => {
    calls++;
    return SECRET;
  };
  const options = { url: socket, password };
  const [one, two] = [limiterOver(options), limiterOver({ ...options })];
  await Promise.all([one.check('k'), two.check('k')]);
  assert.equal(calls, 1);
  await Promise.all([one.close(), two.close()]);
});

for (const [what, password, message] of [
  ['throws', () => assert.fail('no token today'), /no password: .* failed: no token today$/],
  ['rejects with no error', () => Promise.reject(7), /no password: .* failed: 7$/],
  [
    'rejects with something vile',
    () => Promise.reject({ [inspect.custom]: () => assert.fail('vile') }),
    /no password: the password function failed/,
  ],
  ['gives no string', () => ({ [SECRET]: SECRET }), /gave something of type object, not a string/],
  ['gives an empty string', () => '', /no password: the password is empty/],
  ['hangs', () => new Promise(() => {}), /the password function has not answered/],
]) {
  test(`a password function that ${what} is a fault that says so`, async () => {
    await assert.rejects(check({ url: socket, password }), (error) => {
      assert.equal(error.code, 'ERR_SLUICE_STORE_UNAVAILABLE');
      assert.match(error.message, message);
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /hunter2/);
      return true;
    });
  });
}

test('a password function that fails at first is asked again, without a restart', async () => {
  let calls = 0;
  const password = async () => {
    if (++calls < 3) throw new Error('not yet');
    return SECRET;
  };
  const limiter = limiterOver({ url: socket, password });
  await until('the limiter is let in', () => answers(limiter));
  await limiter.close();
});

test('a password function may take longer than a node of a cluster is given to answer', async () => {
  const cluster = await startCluster({ masters: 1, password: SECRET });
  const password = () => sleep(1500, SECRET);
  const limiter = limiterOver({ nodes: cluster.urls, cluster: true, username: '', password });
  try {
    await until('the limiter is let in', () => answers(limiter));
  } finally {
    await limiter.close();
    await cluster.stop();
  }
});

test('checks go by onStoreError within their deadline while a password function hangs', async () => {
  const password = () => new Promise(() => {});
  const limiter = limiterOver({ url: socket, password }, { onStoreError: 'deny', deadlineMs: 50 });
  const { allowed, source } = await limiter.check('k');
  assert.deepEqual([allowed, source], [false, 'deny']);
  await limiter.close();
});

test('a worker that ends during its password function harms no other thread', async () => {
  const program = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { createLimiter, redis, tokenBucket } = require('sluice');
    const limiter = createLimiter({
      policies: tokenBucket({ capacity: 9, refill: 1, every: '1h' }),
      store: redis({ url: workerData, password: () => {
        parentPort.postMessage('asked');
        return new Promise(() => {});
      } }),
      deadlineMs: 60000,
    });
    limiter.check('k');`;
  const worker = new Worker(program, { eval: true, workerData: socket });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  assert.equal((await check({ url: socket, password: SECRET })).source, 'store');
});

test('a function that only its limiter holds is not forgotten', async () => {
  const limiter = limiterOver({ url: socket, password: () => SECRET, database: 2 });
  await limiter.check('k');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  for (let i = 0; i < 3; i++) {
    await sleep(1);
    collect();
  }
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await until('the limiter is let in again', () => answers(limiter));
  await limiter.close();
});

test('options that cannot be used are refused, and no value of them is shown', () => {
  for (const [options, code, argument] of [
    [{ url: socket, password: 7 }, 'ERR_SLUICE_OPTIONS', 'redis.password'],
    [{ url: socket, password: [SECRET] }, 'ERR_SLUICE_OPTIONS', 'redis.password'],
    [{ url: socket, username: [SECRET] }, 'ERR_SLUICE_OPTIONS', 'redis.username'],
    [{ url: [SECRET] }, 'ERR_SLUICE_REDIS_URL', 'redis.url'],
    [{ url: new URL(`redis://:${SECRET}@h`) }, 'ERR_SLUICE_REDIS_URL', 'redis.url'],
    [{ password: SECRET }, 'ERR_SLUICE_REDIS_URL', 'redis.url'],
    [{ url: socket, pasword: SECRET }, 'ERR_SLUICE_UNKNOWN_OPTION', 'redis.pasword'],
    [[`redis://:${SECRET}@h`], 'ERR_SLUICE_OPTIONS', 'redis'],
  ]) {
    assert.throws(
      () => redis(options),
      (error) => {
        assert.deepEqual([error.code, error.argument], [code, argument]);
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /hunter2/);
        return true;
      },
    );
  }
});

test('no secret is in a store, a limiter, its stats, its errors or its events', async (t) => {
  const key = `-----BEGIN PRIVATE KEY-----\n${SECRET}`;
  const said = collectMessages(t, 'sluice:fault');
  for (const options of [
    `redis://:${SECRET}-wrong@127.0.0.1:${server.port}`,
    { url: socket, username: 'nobody', password: `${SECRET}-wrong` },
    { url: socket, password: () => `${SECRET}-wrong` },
    { url: `redis://:${SECRET}@127.0.0.1:1` },
    `redis+unix://:${SECRET}@${server.socketPath}`,
  ]) {
    const store = redis(options);
    const limiter = createLimiter({ policies, store, onStoreError: 'throw', deadlineMs: 60_000 });
    said.push(store, limiter, limiter.parts, await limiter.check('k').catch((error) => error));
    said.push(limiter.stats());
    await limiter.close();
  }
  assert.throws(
    () => redis({ url: 'rediss://h', tls: { cert: key, key } }),
    (error) => {
      said.push(error);
      return true;
    },
  );
  const text = inspect(said, { depth: 12, showHidden: true, maxArrayLength: null });
  assert.match(text, /WRONGPASS/, 'the events are there');
  assert.doesNotMatch(text, /hunter2/);
  assert.doesNotMatch(JSON.stringify(said), /hunter2/);
});

/** The error of the first check to a server of this kind, with this deadline. */
async function firstFault(deadlineMs, onConnection) {
  const other = createServer(onConnection).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address();
  const limiter = limiterOver(`redis://127.0.0.1:${port}`, { deadlineMs });
  try {
    return await limiter.check('k').then(
      () => 'it was answered',
      ({ message }) => message.replace(`127.0.0.1:${port}`, 'HERE'),
    );
  } finally {
    await limiter.close();
    other.close();
  }
}

test('the first check tells a server that is not Redis from a busy one', async () => {
  const silence =
    'no answer from Redis at HERE (timeout): not connected before the deadline: the server accepted the connection but did not answer';
  // On a busy machine the connection may come after the deadline; or the deadline be seen after a second, when the
  // attempt is over.
  for (let told = '', tries = 1; told !== silence; tries++) {
    const sockets = [];
    told = await firstFault(100 * tries, (socket) => sockets.push(socket));
    for (const socket of sockets) socket.destroy();
    if (tries === 9) assert.equal(told, silence);
  }
  const http = await firstFault(60_000, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.equal(
    http,
    'invalid answer from Redis at HERE (protocol): the server at this port does not speak the Redis protocol',
  );
});

test('the address stands in an error once', async () => {
  const limiter = limiterOver('redis://127.0.0.1:1');
  await assert.rejects(
    limiter.check('k'),
    unavailable(/^no answer from Redis at 127\.0\.0\.1:1 \(unavailable\): cannot connect: /),
  );
  await limiter.close();
});
