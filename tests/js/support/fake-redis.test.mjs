// Replies of the scripted server that its users cannot tell apart: exact bytes, an end and a reset.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import {
  hangUp,
  hugeArray,
  hugeText,
  nested,
  raw,
  reset,
  startFakeRedis,
} from '../../support/fake-redis.mjs';

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
