// 'policy-clash': a process is warned when another one has given a policy other numbers on the same server and prefix.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';
import { collectMessages, collectWarnings } from '../support/collect.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

const OTHER = fileURLToPath(new URL('../support/other-service.mjs', import.meta.url));

let server;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

let prefixes = 0;
const nextPrefix = () => `service${prefixes++}`;
const rich = { api: tokenBucket({ capacity: 1000, refill: 1000, every: '1s' }) };

/** Warnings of clashes under this prefix, as they come. */
function listen(t, prefix) {
  const isOurs = ({ warning, detail }) =>
    warning === 'policy-clash' && detail.includes(`'${prefix}'`);
  return collectMessages(t, 'sluice:warning', isOurs);
}

function limiterOver(t, way, prefix, policies = rich) {
  const limiter = createLimiter({
    policies,
    store: redis(way),
    prefix,
    onStoreError: 'throw',
    deadlineMs: 60_000,
  });
  t.after(() => limiter.close());
  return limiter;
}

/**
 * Starts another process with a policy 'api', a fixed window of an hour. Resolves once it has decided a call, to a
 * function that resolves to its next message.
 */
async function otherService(t, options) {
  const child = spawn(process.execPath, [OTHER, JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  // Two messages may come in one turn of the event loop: an iterator keeps both.
  const messages = on(child, 'message', { close: ['exit'] });
  const nextMessage = async () => {
    const { value, done } = await messages.next();
    assert.ok(!done, 'the other process ended');
    return value[0];
  };
  assert.equal(await nextMessage(), 'ready');
  return nextMessage;
}

const published = (prefix, at = server) => at.command('GET', `${prefix}:policy:api`);

for (const [name, open] of Object.entries({
  'a URL': () => server.url,
  ...Object.fromEntries(
    Object.entries(CLIENTS).map(([name, { open, close }]) => [
      name,
      (t) => {
        const client = open(server.url);
        t.after(() => close(client));
        return { client };
      },
    ]),
  ),
})) {
  test(`over ${name}: the second limiter gets one warning, with both numbers`, async (t) => {
    const prefix = nextPrefix();
    await otherService(t, { url: server.url, prefix, limit: 3 });
    await until('it has published', async () => (await published(prefix)) !== null);
    const events = listen(t, prefix);
    const limiter = limiterOver(t, open(t), prefix);
    await limiter.check('k');
    await until('it is warned', () => events.length > 0);
    const [{ detail }] = events;
    assert.match(
      detail,
      /^policy 'api' under the prefix 'service\d+' is tokenBucket\(capacity: 1000, refill: 1000, every: 1000\) here, and fixedWindow\(limit: 3, window: 3600000\) in another process/,
    );
    assert.deepEqual(limiter.stats().redis.nodes[0].warnings, [
      { warning: 'policy-clash', detail },
    ]);
    // Over the next connection, too.
    const before = limiter.stats().redis.reconnects;
    await otherService(t, { url: server.url, prefix, limit: 3 });
    if (name === 'a URL') {
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await until('it is connected again', async () => {
        await limiter.check('k').catch(() => {});
        return limiter.stats().redis.reconnects > before;
      });
      await limiter.check('k');
    }
    assert.equal(events.length, 1);
  });
}

test('the process that was there first is warned, too, once it connects again', async (t) => {
  const prefix = nextPrefix();
  const events = listen(t, prefix);
  const limiter = limiterOver(t, server.url, prefix);
  await limiter.check('k');
  await until('it has published', async () => (await published(prefix)) !== null);
  const nextMessage = await otherService(t, { url: server.url, prefix, limit: 3, tell: true });
  const warned = await nextMessage();
  assert.match(warned, /is fixedWindow\(limit: 3, .* here, and tokenBucket\(capacity: 1000, /);
  assert.deepEqual(events, []);
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until('it is warned', async () => {
    await limiter.check('k').catch(() => {});
    return events.length > 0;
  });
  assert.match(
    events[0].detail,
    /is tokenBucket\(capacity: 1000, .* here, and fixedWindow\(limit: 3, /,
  );
});

test('the same numbers, another prefix, another name and plans that say the same are no clash', async (t) => {
  const prefix = nextPrefix();
  await otherService(t, { url: server.url, prefix, limit: 3 });
  await until('it has published', async () => (await published(prefix)) !== null);
  const events = listen(t, prefix);
  const three = fixedWindow({ limit: 3, window: 3_600_000, enforce: false });
  const limiters = [
    limiterOver(t, server.url, prefix, { api: three }),
    limiterOver(t, server.url, prefix, {
      other: fixedWindow({ limit: 9, window: '1h' }),
      api: three,
    }),
    limiterOver(t, server.url, `${prefix}:own`),
  ];
  for (const limiter of limiters) await limiter.check('k');
  const names = [`${prefix}:policy:other`, `${prefix}:own:policy:api`];
  await until('all have published', async () => {
    const texts = await server.command('MGET', ...names);
    return texts.every((text) => text !== null);
  });
  assert.deepEqual(events, []);
});

test('plans are compared as a whole', async (t) => {
  const prefix = nextPrefix();
  await otherService(t, { url: server.url, prefix, limit: 3 });
  await until('it has published', async () => (await published(prefix)) !== null);
  const events = listen(t, prefix);
  const limiter = createLimiter({
    plans: {
      free: { api: fixedWindow({ limit: 3, window: '1h' }) },
      pro: { api: fixedWindow({ limit: 30, window: '1h' }) },
    },
    store: redis(server.url),
    prefix,
  });
  t.after(() => limiter.close());
  await until('it is warned', () => events.length > 0);
  assert.match(
    events[0].detail,
    /is fixedWindow\(limit: 3, window: 3600000\) or fixedWindow\(limit: 30, window: 3600000\) here, and fixedWindow\(limit: 3, /,
  );
});

test('thousands of plans publish a short text, which differs where one plan does', async (t) => {
  const prefix = nextPrefix();
  const events = listen(t, prefix);
  const make = (last) => {
    const tenant = (_, i) => [
      `tenant${i}`,
      { api: fixedWindow({ limit: i < 2999 ? i : last, window: '1h' }) },
    ];
    return createLimiter({
      plans: Object.fromEntries(Array.from({ length: 3000 }, tenant)),
      store: redis(server.url),
      prefix,
      onStoreError: 'throw',
      deadlineMs: 60_000,
    });
  };
  const texts = [];
  for (const last of [5000, 5000, 6000]) {
    const limiter = make(last);
    await limiter.check('k', { plan: 'tenant7' });
    // Each limiter replaces what the one before it has published.
    await until('it has published', async () => {
      const text = await published(prefix);
      if (text === null || (last === 6000 && text === texts[0])) return false;
      texts.push(text);
      return true;
    });
    if (last === 6000) await until('it is warned', () => events.length > 0);
    await limiter.check('k', { plan: 'tenant7' });
    assert.equal(limiter.stats().redis.reconnects, 0);
    await limiter.close();
  }
  assert.equal(texts[1], texts[0]);
  assert.match(texts[0], /^fixedWindow\(limit: 0, .*\.\.\. \(3000 in all, digest [0-9a-f]{16}\)$/);
  assert.ok(texts[0].length <= 200);
  assert.ok(events[0].detail.includes(`is ${texts[2]} here, and ${texts[0]} in another process`));
});

test('a key of another type, or a user without the right to write it, is no clash and no fault', async (t) => {
  const prefix = nextPrefix();
  await server.command('LPUSH', `${prefix}:policy:api`, 'mine');
  await server.command('ACL', 'SETUSER', 'shy', 'on', '>pw', `~${prefix}:{*`, '+@all');
  const events = listen(t, prefix);
  for (const way of [server.url, { url: server.url, username: 'shy', password: 'pw' }]) {
    const limiter = limiterOver(t, way, prefix);
    assert.equal((await limiter.check('k')).source, 'store');
    const { faults, reconnects } = limiter.stats().redis;
    assert.deepEqual([faults, reconnects], [0, 0]);
  }
  assert.equal(await server.command('LRANGE', `${prefix}:policy:api`, 0, -1).then(String), 'mine');
  assert.deepEqual(events, []);
});

test('a cluster compares, whichever node has the key', async (t) => {
  const cluster = await startCluster({ masters: 3 });
  t.after(() => cluster.stop());
  const way = { nodes: cluster.urls, cluster: true };
  for (let i = 0; i < 4; i++) {
    const prefix = nextPrefix();
    await otherService(t, { ...way, prefix, limit: 3 });
    const owner = await cluster.ownerOf(await cluster.slotOf(`${prefix}:policy:api`));
    await until('it has published', async () => (await published(prefix, owner)) !== null);
    const events = listen(t, prefix);
    const limiter = limiterOver(t, way, prefix);
    await limiter.check('k');
    await until('it is warned', () => events.length > 0);
    assert.equal(events.length, 1);
  }
});

test('without a subscriber there is one process warning for each policy', async (t) => {
  const prefix = nextPrefix();
  await otherService(t, { url: server.url, prefix, limit: 3 });
  await until('it has published', async () => (await published(prefix)) !== null);
  const warnings = collectWarnings(t, ({ code }) => code === 'SLUICE_STORE_WARNING');
  limiterOver(t, server.url, prefix);
  await until('the process is warned', () => warnings.length > 0);
  assert.match(
    warnings[0].message,
    new RegExp(`^Redis at .*: policy 'api' under the prefix '${prefix}'`),
  );
});
