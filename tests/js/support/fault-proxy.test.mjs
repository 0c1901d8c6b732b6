// The fault proxy: each fault is what it says, and heals.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultProxy } from '../../support/fault-proxy.mjs';
import { until } from '../../support/redis-server.mjs';

/** Echoes, and counts what it was sent. */
let echo;
let received = 0;
before(async () => {
  echo = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received += bytes.length;
      socket.write(bytes);
    });
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
});
after(() => echo.close());

class Client {
  text = '';
  error;
  closed = false;

  constructor(port) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => {
      this.text += bytes;
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  send(text) {
    this.socket.write(text);
  }

  gets(text) {
    return until(`'${text}' comes back`, () => this.text === text);
  }

  ends() {
    return until('the connection ends', () => this.closed);
  }
}

async function through(use, options = {}) {
  const proxy = await startFaultProxy({ to: echo.address().port, ...options });
  const clients = [];
  const open = () => {
    clients.push(new Client(proxy.port));
    return clients.at(-1);
  };
  try {
    await use(proxy, open);
  } finally {
    for (const { socket } of clients) socket.destroy();
    await proxy.stop();
  }
}

test('a delay holds what comes, either way, and nothing overtakes', async () => {
  await through(async (proxy, open) => {
    const client = open();
    client.send('0');
    await client.gets('0');
    for (const direction of ['requests', 'replies']) {
      await proxy.set({ [direction]: { delayMs: 80, jitterMs: 40 } });
      client.text = '';
      const begun = performance.now();
      for (const c of 'abcdefgh') {
        client.send(c);
        await sleep(2);
      }
      await client.gets('abcdefgh');
      // A lower bound is no matter of the machine's speed.
      assert.ok(performance.now() - begun >= 80, direction);
    }
    await proxy.set({});
    client.send('i');
    await client.gets('abcdefghi');
  });
});

test('a black hole passes nothing and ends nothing; healed, what was under way arrives', async () => {
  await through(async (proxy, open) => {
    const client = open();
    client.send('a');
    await client.gets('a');
    await proxy.set({ blackHole: true });
    const before = received;
    client.send('b');
    const late = open();
    late.send('c');
    await until('the hole takes connections', () => proxy.open === 2);
    await sleep(100);
    assert.deepEqual([client.text, late.text, received], ['a', '', before]);
    assert.deepEqual([client.closed, late.closed], [false, false]);
    const left = open();
    await until('a third', () => proxy.open === 3);
    left.socket.destroy();
    await proxy.set({});
    await client.gets('ab');
    await late.gets('c');
    await until('who left is gone', () => proxy.open === 2);
  });
});

test('a reset is seen as one, by every connection; new ones pass', async () => {
  await through(async (proxy, open) => {
    const clients = [open(), open()];
    for (const client of clients) {
      client.send('a');
      await client.gets('a');
    }
    proxy.reset();
    for (const client of clients) {
      await client.ends();
      assert.equal(client.error?.code, 'ECONNRESET');
    }
    const next = open();
    next.send('b');
    await next.gets('b');
    assert.equal(proxy.accepted, 3);
  });
});

test('a reply is cut after so many bytes', async () => {
  await through(async (proxy, open) => {
    const client = open();
    client.send('abc');
    await client.gets('abc');
    await proxy.set({ cutReplyAfter: 5 });
    client.send('defg');
    await client.gets('abcdefg');
    assert.equal(client.closed, false);
    client.send('hijk');
    await client.ends();
    // Where bytes and RST come at once, libuv hands on the bytes and an end, without the error.
    assert.equal(client.text, 'abcdefgh');
    await proxy.set({});
    const next = open();
    next.send('longer than five');
    await next.gets('longer than five');
  });
});

test('a slow line passes no more than its rate, and lets the sender wait', async () => {
  await through(async (proxy, open) => {
    const client = open();
    client.send('a');
    await client.gets('a');
    await proxy.set({ requests: { bytesPerSecond: 20_000 } });
    const before = received;
    const begun = performance.now();
    client.send('x'.repeat(30_000_000));
    await until('some of it', () => received - before > 4000);
    const most = ((performance.now() - begun) / 1000 + 0.02) * 20_000;
    assert.ok(received - before <= most, `${received - before} bytes, at most ${most}`);
    assert.ok(client.socket.writableLength > 10_000_000, 'most of it still waits at the sender');
    await proxy.set({});
    await until('healed, all of it', () => received - before === 30_000_000);
  });
});

test('new connections are refused while open ones go on', async () => {
  await through(async (proxy, open) => {
    const client = open();
    client.send('a');
    await client.gets('a');
    await proxy.set({ refuse: true });
    const refused = open();
    await refused.ends();
    assert.equal(refused.error?.code, 'ECONNREFUSED');
    client.send('b');
    await client.gets('ab');
    await proxy.set({});
    const next = open();
    next.send('c');
    await next.gets('c');
  });
});
