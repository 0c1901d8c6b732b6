// limiter.ready(): resolves once the store answers; a Redis that comes up late, and one that never does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { concurrency, createLimiter, fixedWindow, memory, redis, tokenBucket } from 'sluice';
import { allowAll, denyAll } from 'sluice/testing';
import { CLIENTS, CLUSTER_CLIENTS } from '../support/clients.mjs';
import { collectMessages, collectWarnings } from '../support/collect.mjs';
import { collectUnhandled } from '../support/express.mjs';
import { freePort } from '../support/ports.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const bucket = tokenBucket({ capacity: 5, every: '1h' });
const LONG = { timeoutMs: 120_000 };

function limiterOver(t, way, more = {}) {
  const limiter = createLimiter({ policies: bucket, store: redis(way), ...more });
  t.after(() => limiter.close());
  return limiter;
}

/** Whether a promise has settled after all work that waits now. */
async function isSettled(promise) {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await new Promise(setImmediate);
  return settled;
}

describe('without Redis', () => {
  for (const [what, make] of Object.entries({
    'a memory store': () => createLimiter({ policies: bucket, store: memory() }),
    'allowAll()': allowAll,
    'denyAll()': denyAll,
  })) {
    test(`${what} is ready at once`, async () => {
      const limiter = make();
      const ready = limiter.ready({ timeoutMs: 1 });
      assert.equal(await isSettled(ready), true);
      assert.equal(await ready, undefined);
      assert.equal(await limiter.ready(), undefined);
    });
  }

  test('a closed limiter is not ready', async () => {
    const limiter = createLimiter({ policies: bucket });
    await limiter.close();
    await assert.rejects(limiter.ready(), { code: 'ERR_SLUICE_CLOSED' });
  });

  const wrong = [
    [5000, TypeError, 'ERR_SLUICE_OPTIONS', /^ready must be given .*\{ timeoutMs: 5000 \}/],
    [null, TypeError, 'ERR_SLUICE_OPTIONS', /^ready .*got null/],
    [{ timeout: 5 }, TypeError, 'ERR_SLUICE_UNKNOWN_OPTION', /Did you mean 'timeoutMs'/],
    [{ timeoutMs: '5s' }, TypeError, 'ERR_SLUICE_OPTIONS', /^timeoutMs .*got '5s'/],
    [{ timeoutMs: 0 }, RangeError, 'ERR_SLUICE_OPTIONS', /^timeoutMs .* from 1 to 86400000; got 0/],
    [{ timeoutMs: NaN }, RangeError, 'ERR_SLUICE_OPTIONS', /^timeoutMs .*got NaN/],
    [{ timeoutMs: Infinity }, RangeError, 'ERR_SLUICE_OPTIONS', /^timeoutMs .*got Infinity/],
  ];
  for (const [options, ErrorClass, code, message] of wrong) {
    test(`ready(${inspect(options)}) is refused`, async () => {
      const limiter = createLimiter({ policies: bucket });
      await assert.rejects(limiter.ready(options), (error) => {
        assert.equal(error.constructor, ErrorClass);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

const ways = {
  'a URL': (_, url) => url,
  ...Object.fromEntries(
    Object.entries(CLIENTS).map(([name, { open, close }]) => [
      name,
      (t, url) => {
        const client = open(url);
        t.after(() => close(client));
        return { client };
      },
    ]),
  ),
};

for (const [name, open] of Object.entries(ways)) {
  for (const onStoreError of ['local', 'throw']) {
    test(`${name}, rule '${onStoreError}': is ready when a late Redis answers, not before`, async (t) => {
      const port = await freePort();
      const unhandled = collectUnhandled(t);
      const limiter = limiterOver(t, open(t, `redis://127.0.0.1:${port}`), { onStoreError });
      await assert.rejects(limiter.ready({ timeoutMs: 300 }), (error) => {
        assert.equal(error.name, 'SluiceError');
        assert.equal(error.code, 'ERR_SLUICE_STORE_UNAVAILABLE');
        assert.ok(['unavailable', 'timeout', 'overload'].includes(error.fault), error.fault);
        assert.match(error.message, /^the store did not answer within the 300 ms of ready\(\); /);
        assert.ok(error.message.includes(`127.0.0.1:${port}`), error.message);
        assert.equal(error.cause?.code, 'ERR_SLUICE_STORE_UNAVAILABLE');
        return true;
      });
      const ready = limiter.ready(LONG);
      assert.equal(await isSettled(ready), false);
      const server = await startRedis({ port });
      t.after(() => server.stop());
      await ready;
      assert.deepEqual(await server.command('KEYS', '*{*'), []);
      assert.deepEqual(unhandled, []);
    });
  }
}

test('probes publish no fault, and their outage is no process warning', async (t) => {
  const faults = collectMessages(t, 'sluice:fault', () => true);
  const warnings = collectWarnings(t);
  const limiter = limiterOver(t, `redis://127.0.0.1:${await freePort()}`);
  await assert.rejects(limiter.ready({ timeoutMs: 200 }));
  assert.deepEqual([faults, warnings], [[], []]);
  assert.deepEqual([limiter.stats().allowed, limiter.stats().denied], [0, 0]);
  await limiter.check('k');
  assert.equal(faults.length, 1);
});

describe('one server', () => {
  let server;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  for (const [what, options] of Object.entries({
    plans: { policies: undefined, plans: { free: bucket, pro: { daily: bucket, slots: bucket } } },
    slots: { policies: { slots: concurrency({ limit: 1, ttl: '1m' }), bucket } },
    'several keys': {
      policies: {
        user: tokenBucket({ capacity: 1, every: '1s', by: 'user' }),
        org: fixedWindow({ limit: 1, window: '1s', by: 'org' }),
      },
      shardBy: 'org',
    },
    'a limit of 0': { policies: fixedWindow({ limit: 0, window: '1h' }) },
  })) {
    test(`a limiter with ${what} is ready, and nothing was charged`, async (t) => {
      const limiter = limiterOver(t, server.url, { prefix: `ready ${what}`, ...options });
      await limiter.ready();
      await Promise.all([limiter.ready(), limiter.ready()]);
      assert.deepEqual(await server.command('KEYS', 'ready*{*'), []);
    });
  }

  test('close() rejects a wait, and later ones', async (t) => {
    const limiter = limiterOver(t, `redis://127.0.0.1:${await freePort()}`);
    const ready = limiter.ready(LONG);
    const refused = assert.rejects(ready, { code: 'ERR_SLUICE_CLOSED' });
    await limiter.close();
    await refused;
    await assert.rejects(limiter.ready(), { code: 'ERR_SLUICE_CLOSED' });
  });

  test('close() rejects a wait at once, before the question in flight has ended', async (t) => {
    const limiter = limiterOver(t, server.url, { prefix: 'closing', deadlineMs: 2000 });
    await limiter.ready(LONG);
    server.freeze();
    t.after(() => server.thaw());
    const ready = limiter.ready(LONG);
    // So that the question has been sent.
    await new Promise(setImmediate);
    let hasClosed = false;
    const closing = limiter.close().then(() => {
      hasClosed = true;
    });
    await assert.rejects(ready, { code: 'ERR_SLUICE_CLOSED' });
    assert.equal(hasClosed, false);
    server.thaw();
    await closing;
  });

  test('a server that refuses the user or is frozen does not answer, and the error says why', async (t) => {
    await server.command('ACL', 'SETUSER', 'none', 'on', '>pw', '~*', '-@all');
    const login = { url: server.url, username: 'none', password: 'pw' };
    const unfit = limiterOver(t, login);
    await assert.rejects(unfit.ready({ timeoutMs: 1000 }), { fault: 'server', message: /NOPERM/ });
    const wrong = limiterOver(t, { ...login, password: 'wrong' });
    await assert.rejects(wrong.ready({ timeoutMs: 1000 }), { message: /WRONGPASS/ });

    const limiter = limiterOver(t, server.url, { prefix: 'frozen', onStoreError: 'allow' });
    await limiter.ready(LONG);
    server.freeze();
    t.after(() => server.thaw());
    await assert.rejects(limiter.ready({ timeoutMs: 400 }), {
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
    });
    server.thaw();
    await limiter.ready(LONG);
  });

  /** Runs a program; resolves to its exit code, output and duration in ms. */
  async function run(source, ...argv) {
    const begun = performance.now();
    const head = `import { createLimiter, redis, tokenBucket } from 'sluice';
const limiter = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1h' }), store: redis(process.argv[1]) });`;
    const args = ['--input-type=module', '-e', `${head}\n${source}`, ...argv];
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    const [code] = await once(child, 'close');
    return { code, out: out.trim(), ms: performance.now() - begun };
  }

  test('a program that only waits goes on waiting for a late Redis, and then ends by itself', async (t) => {
    const port = await freePort();
    const program = run(
      "await limiter.ready({ timeoutMs: 120_000 }); console.log('ready');",
      `redis://127.0.0.1:${port}`,
    );
    // Time for the program to start; if it takes longer, Redis is not late, and the test proves less.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const late = await startRedis({ port });
    t.after(() => late.stop());
    const { code, out } = await program;
    assert.deepEqual([code, out], [0, 'ready']);
  });

  test('a wait that nobody awaits ends with its time limit, and so does the process', async () => {
    const { code, out } = await run(
      'limiter.ready({ timeoutMs: 300 }).catch(({ code }) => console.log(code));',
      `redis://127.0.0.1:${await freePort()}`,
    );
    assert.deepEqual([code, out], [0, 'ERR_SLUICE_STORE_UNAVAILABLE']);
  });

  test('a settled wait leaves no timer: the process ends at once', async () => {
    const { code, out } = await run(
      `await limiter.ready({ timeoutMs: 86_400_000 });
console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length);`,
      server.url,
    );
    assert.deepEqual([code, out], [0, '0']);
  });
});

test('a cluster is ready once its nodes have agreed, and with one of its masters gone', async (t) => {
  const cluster = await startCluster({
    masters: 3,
    args: ['--cluster-require-full-coverage', 'no'],
  });
  t.after(() => cluster.stop());
  const limiter = limiterOver(t, { nodes: cluster.urls, cluster: true });
  await limiter.ready(LONG);
  for (const { open, close } of Object.values(CLUSTER_CLIENTS)) {
    const client = await open(cluster.urls);
    const over = limiterOver(t, { client });
    await over.ready(LONG);
    await over.close();
    close(client);
  }
  const [victim] = await cluster.masters();
  await cluster.kill(victim);
  await limiter.ready(LONG);
});

test('sentinels: is ready once they name a master', async (t) => {
  const group = await startSentinel({ replicas: 1 });
  t.after(() => group.stop());
  const limiter = limiterOver(t, { sentinels: group.urls, master: group.name });
  await limiter.ready(LONG);
  await (await group.master()).kill();
  await limiter.ready(LONG);
  await until('the store decides', async () => (await limiter.check('k')).source === 'store');
});
