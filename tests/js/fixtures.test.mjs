// Properties of the fixtures that no other test would miss: a fault that does not happen hides what it should show.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  hangUp,
  hugeArray,
  hugeText,
  nested,
  raw,
  reset,
  startFakeRedis,
} from '../support/fake-redis.mjs';
import { startFaultProxy } from '../support/fault-proxy.mjs';
import { freePort } from '../support/ports.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { skipWithout, startRedis, until } from '../support/redis-server.mjs';
import { steppedClock } from '../support/stepped-clock.mjs';

// The scripted server

/** The reply to a PING: `length` bytes, or fewer if the connection ends, and the reason of the end. */
async function ask(port, length) {
  const socket = connect(port, '127.0.0.1');
  let [text, code] = ['', undefined];
  socket.on('error', (failure) => {
    code = failure.code;
  });
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    if (text.length >= length) socket.destroy();
  });
  socket.write('*1\r\n$4\r\nPING\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  return { text, code };
}

test('a connection is closed or reset, by its number; the script may change while it runs', async () => {
  const fake = await startFakeRedis((_command, { number }) => (number === 2 ? hangUp : undefined));
  assert.deepEqual(await ask(fake.port, 7), { text: '+PONG\r\n', code: undefined });
  assert.deepEqual(await ask(fake.port, 7), { text: '', code: undefined });
  assert.deepEqual(await ask(fake.port, 7), { text: '+PONG\r\n', code: undefined });
  fake.answer = () => reset;
  assert.deepEqual(await ask(fake.port, 7), { text: '', code: 'ECONNRESET' });
  assert.equal(fake.connections, 4);
  await fake.stop();
});

test('bytes as they are: garbage, nesting, lengths beyond all measure', async () => {
  for (const [reply, bytes] of [
    [raw('\xff\x00?!'), '\xff\x00?!'],
    [nested(3), '*1\r\n*1\r\n*1\r\n:1\r\n'],
    [hugeText(2 ** 40), '$1099511627776\r\n'],
    [hugeArray(2 ** 31), '*2147483648\r\n'],
  ]) {
    const fake = await startFakeRedis(() => reply);
    assert.equal((await ask(fake.port, bytes.length)).text, bytes);
    await fake.stop();
  }
});

// The fault proxy

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
      // A lower bound does not depend on the machine's speed.
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

// Servers and clusters

for (const server of ['redis', 'valkey']) {
  test(`${server}: its clock is stepped, forward and back, while it runs`, {
    skip: skipWithout(server),
  }, async () => {
    const clock = await steppedClock();
    const one = await startRedis({ server, env: clock.env });
    const isAheadBy = async (ms) => {
      const before = Date.now();
      const [seconds, micros] = await one.command('TIME');
      const there = Number(seconds) * 1000 + Number(micros) / 1000 - ms;
      assert.ok(there >= before && there < Date.now() + 1, `${there - before} ms off`);
    };
    try {
      await isAheadBy(0);
      clock.step(3_600_000);
      await isAheadBy(3_600_000);
      clock.step(-3_700_000);
      await isAheadBy(-100_000);
    } finally {
      await one.stop();
      clock.remove();
    }
  });

  test(`${server}: a slot stands half-way, then elsewhere`, {
    skip: skipWithout(server),
  }, async () => {
    const cluster = await startCluster({ server });
    try {
      const masters = await cluster.masters();
      assert.equal(masters.length, 3);
      const slot = await cluster.slotOf('{u}:here');
      const from = await cluster.ownerOf(slot);
      const to = masters.find((node) => node !== from);
      for (const key of ['{u}:here', '{u}:moves']) await from.command('SET', key, 'v');

      const migration = await cluster.beginMigration(slot, to);
      assert.equal(await from.command('GET', '{u}:here'), 'v');
      const asked = { message: `ASK ${slot} 127.0.0.1:${to.port}` };
      await assert.rejects(from.command('GET', '{u}:new'), asked);
      assert.equal(await migration.moveKeys(1), 1);
      await assert.rejects(to.command('MGET', '{u}:here', '{u}:moves'), / MOVED /);
      await assert.rejects(from.command('MGET', '{u}:here', '{u}:moves'), / TRYAGAIN /);
      await migration.finish();
      assert.equal(await cluster.ownerOf(slot), to);
      assert.deepEqual(await to.command('MGET', '{u}:here', '{u}:moves'), ['v', 'v']);
      await assert.rejects(from.command('GET', '{u}:here'), / MOVED /);
    } finally {
      await cluster.stop();
    }
  });
}

test('a test that is killed leaves no server behind', {
  skip: process.platform !== 'linux' && 'it takes the kernel of Linux',
}, async () => {
  const fixtures = new URL('../support/redis-server.mjs', import.meta.url);
  const program = `
    const { startRedis } = await import(${JSON.stringify(fixtures)});
    console.log((await startRedis({ port: ${await freePort()} })).pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const pid = Number(line);
  process.kill(pid, 0);
  child.kill('SIGKILL');
  await until('the server is gone', () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
});
