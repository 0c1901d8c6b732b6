// The scripted server: a real client reads its replies as they were meant.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import {
  error,
  hangUp,
  hugeArray,
  hugeText,
  nested,
  raw,
  reset,
  silence,
  startFakeRedis,
  status,
} from '../../support/fake-redis.mjs';
import { until } from '../../support/redis-server.mjs';

async function withFake(answer, use) {
  const fake = await startFakeRedis(answer);
  const client = new Redis({ port: fake.port, retryStrategy: () => null, enableReadyCheck: false });
  client.on('error', () => {});
  try {
    await use(client, fake);
  } finally {
    client.disconnect();
    await fake.stop();
  }
}

/** What comes back for a PING: bytes, until `length` are there or the connection ends, and what ended it. */
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

test('values, errors and greetings are what a client reads', async () => {
  const replies = {
    GET: 'täxt',
    NIL: null,
    COUNT: 42,
    LIST: [1, 'two', null, [3, []]],
    EVALSHA: error('NOSCRIPT', 'No matching script.'),
    SET: error('READONLY', "You can't write against a read only replica."),
    TELL: status('FINE'),
  };
  await withFake(
    ([name]) => replies[name.toUpperCase()],
    async (client, fake) => {
      assert.equal(await client.get('k'), 'täxt');
      assert.equal(await client.call('NIL'), null);
      assert.equal(await client.call('COUNT'), 42);
      assert.deepEqual(await client.call('LIST'), [1, 'two', null, [3, []]]);
      await assert.rejects(client.evalsha('0'.repeat(40), 0), {
        message: 'NOSCRIPT No matching script.',
      });
      await assert.rejects(client.set('k', 'v'), /^ReplyError: READONLY/);
      assert.equal(await client.call('TELL'), 'FINE');
      assert.equal(await client.ping(), 'PONG');
      assert.equal(
        await client.script('LOAD', 'return 1'),
        'e0e1f9fabfc9d4800c877a703b823ac0578ff8db',
      );
      await assert.rejects(client.call('NONSENSE'), /unknown command 'NONSENSE'/);
      assert.deepEqual(
        fake.commands.find(([name]) => name === 'set'),
        ['set', 'k', 'v'],
      );
    },
  );
});

test('replies keep the order of the commands, however long one takes; large commands come whole', async () => {
  const large = 'y'.repeat(1_000_000);
  const answer = async ([name, text]) => {
    if (name === 'slow') await new Promise((resolve) => setTimeout(resolve, 30));
    return text === undefined ? undefined : text.length;
  };
  await withFake(answer, async (client) => {
    const asked = [
      client.call('slow', 'a'),
      client.call('quick', 'bc'),
      client.call('quick', large),
    ];
    assert.deepEqual(await Promise.all(asked), [1, 2, large.length]);
  });
});

test('silence is no answer, not even a late one', async () => {
  await withFake(
    ([name]) => (name === 'A' ? silence : undefined),
    async (client, fake) => {
      let answered = false;
      client.call('A').then(
        () => {
          answered = true;
        },
        () => {},
      );
      await until('the command came', () => fake.commands.some(([name]) => name === 'A'));
      await ask(fake.port, 1);
      assert.equal(answered, false);
    },
  );
});

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
