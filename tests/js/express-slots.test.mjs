// The Express middleware under concurrency limits, beyond http-slots.test.mjs: over Redis, and requests sent ahead.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { concurrency, createLimiter, redis } from 'sluice';
import { rateLimit } from 'sluice/express';
import { collectWarnings } from '../support/collect.mjs';
import {
  collectUnhandled,
  decision,
  scriptedHolder,
  scriptedLimiter,
  serve,
  settled,
  until,
} from '../support/express.mjs';
import { startRedis } from '../support/redis-server.mjs';

/** A guarded route whose responses the test ends. */
async function serveHeld(t, { limiter }) {
  const handled = [];
  const server = await serve(t, (app) =>
    app.use(rateLimit({ limiter, key: () => 'one' }), (_req, res) => handled.push(res)),
  );
  return { ...server, handled };
}

describe('over Redis', () => {
  let url;
  let stop;
  before(async () => {
    ({ url, stop } = await startRedis());
  });
  after(() => stop?.());
  const limiterOver = (t, prefix) => {
    const limiter = createLimiter({
      policies: concurrency({ limit: 1, ttl: '1h' }),
      store: redis(url),
      prefix,
      onStoreError: 'throw',
      deadlineMs: 60_000,
    });
    t.after(() => limiter.close());
    return limiter;
  };

  test('servers share slots, and each gives back what it took', async (t) => {
    const limiters = [limiterOver(t, 'shared'), limiterOver(t, 'shared')];
    const [one, other] = [
      await serveHeld(t, { limiter: limiters[0] }),
      await serveHeld(t, { limiter: limiters[1] }),
    ];
    const first = one.send();
    await until(() => one.handled.length === 1);
    assert.equal((await other.send()).status, 429);
    one.handled[0].end();
    assert.equal((await first).status, 200);
    const taken = async () => 1 - (await limiters[0].peek('one', { cost: 0 })).remaining;
    await until(async () => (await taken()) === 0);
    const second = other.send();
    await until(() => other.handled.length === 1);
    assert.equal(await taken(), 1);
    other.handled[0].end();
    assert.equal((await second).status, 200);
  });

  test('a response that ends when its limiter has been closed is no unhandled rejection', async (t) => {
    const unhandled = collectUnhandled(t);
    const limiter = limiterOver(t, 'closed');
    const { send, handled } = await serveHeld(t, { limiter });
    const first = send();
    await until(() => handled.length === 1);
    await limiter.close();
    handled[0].end();
    assert.equal((await first).status, 200);
    await settled();
    assert.deepEqual(unhandled, []);
  });
});

const endings = {
  'ends with a body': (_req, res) => res.send('done'),
  'ends without one': (_req, res) => res.status(204).end(),
  'is sent in pieces': (_req, res) => {
    res.write('a');
    setImmediate(() => res.end('b'));
  },
  'is cut off by the server': (_req, res) => res.destroy(),
};
for (const synchronous of [true, false]) {
  for (const [how, handler] of Object.entries(endings)) {
    const store = synchronous ? 'a store in this process' : 'a store elsewhere';
    test(`${store}: slots are released exactly once when the response ${how}`, async (t) => {
      const holder = scriptedHolder();
      const limiter = scriptedLimiter(decision({ holder }), { synchronous });
      let before;
      const { send } = await serve(t, (app) =>
        app.use(rateLimit({ limiter }), (req, res) => {
          before = holder.released;
          res.once('close', () => res.emit('close')); // A second 'close' event.
          handler(req, res);
        }),
      );
      await send().catch(() => {});
      await until(() => holder.released > 0);
      await settled();
      assert.deepEqual([before, holder.released], [0, 1]);
    });
  }
}

test('the slots of a client that hung up before they were taken are released at once', async (t) => {
  const holder = scriptedHolder();
  const limiter = scriptedLimiter(decision({ holder }), { synchronous: false });
  const key = (_req, res) => new Promise((resolve) => res.on('close', () => resolve('k')));
  const { port } = await serve(t, (app) => app.use(rateLimit({ limiter, key })));
  const client = net.connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n', () => client.destroy());
  await until(() => holder.released > 0);
});

test('requests that a client sent ahead give their slots back when it hangs up', async (t) => {
  const holders = Array.from({ length: 30 }, () => scriptedHolder());
  const unused = [...holders];
  const limiter = scriptedLimiter(decision());
  limiter.checkSync = () => decision({ holder: unused.shift() });
  const warnings = collectWarnings(t, () => true);
  const { port } = await serve(t, (app) => app.use(rateLimit({ limiter }), () => {}));
  const client = net.connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(holders.length));
  await until(() => unused.length === 0);
  await settled();
  assert.ok(holders.every(({ released }) => released === 0));
  client.destroy();
  await until(() => holders.every(({ released }) => released === 1));
  await settled();
  assert.ok(holders.every(({ released }) => released === 1));
  assert.deepEqual(warnings, []);
});

test('slots of requests that were sent ahead and answered are not released again when the client leaves', async (t) => {
  const holders = Array.from({ length: 3 }, () => scriptedHolder());
  const unused = [...holders];
  const limiter = scriptedLimiter(decision());
  limiter.checkSync = () => decision({ holder: unused.shift() });
  const { port } = await serve(t, (app) => app.use(rateLimit({ limiter })));
  const client = net.connect(port, '127.0.0.1');
  client.resume().write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(holders.length));
  await until(() => holders.every(({ released }) => released === 1));
  client.destroy();
  await settled();
  assert.deepEqual(
    holders.map(({ released }) => released),
    [1, 1, 1],
  );
});

test('requests that a client sent ahead give their slots back one by one as they are answered', async (t) => {
  const limiter = createLimiter({ policies: concurrency({ limit: 2, ttl: '1h' }) });
  const { port, handled } = await serveHeld(t, { limiter });
  const denied = (count) => until(() => limiter.stats().denied === count);
  const client = net.connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  let text = '';
  client.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  const ask = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';
  client.write(ask.repeat(3));
  await denied(1);
  assert.equal(handled.length, 2);
  handled[1].end('second');
  await settled();
  client.write(ask);
  await denied(2); // the second answer has still to wait for the first
  assert.equal(handled.length, 2);
  handled[0].end('first');
  await until(() => text.split('429 Too Many Requests').length === 3);
  client.write(ask);
  await until(() => handled.length === 3);
});
