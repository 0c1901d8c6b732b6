// redis({ client }) in a user's own surroundings: fake timers, errors of another realm, what a client is called,
// and a server that is not there.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { Redis as Ioredis } from 'ioredis';
import { createClient } from 'redis';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { CLIENTS } from '../support/clients.mjs';
import { freePort } from '../support/ports.mjs';

const over = (client, options = {}) =>
  createLimiter({
    policies: tokenBucket({ capacity: 3, every: '1h' }),
    store: redis({ client }),
    denialCache: false,
    ...options,
  });

test('fake timers stop no deadline, while they are there and afterwards', async () => {
  const own = { isOpen: true, sendCommand: () => new Promise(() => {}) };
  const limiter = over(own, { deadlineMs: 20 });
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  try {
    assert.equal((await limiter.check('k')).source, 'local');
  } finally {
    mock.timers.reset();
  }
  assert.equal((await limiter.check('k')).source, 'local');
  await limiter.close();
});

test("the server's error is read also from an error of another realm", async () => {
  const ForeignError = runInNewContext('Error');
  const asked = [];
  const own = {
    isOpen: true,
    async sendCommand([name]) {
      asked.push(name);
      throw new ForeignError(name === 'evalsha' ? 'NOSCRIPT No matching script.' : 'OOM no memory');
    },
  };
  const limiter = over(own, { deadlineMs: 60_000, onStoreError: 'throw' });
  await assert.rejects(limiter.check('k'), /OOM no memory$/);
  assert.deepEqual(asked, ['evalsha', 'eval']);
  await limiter.close();
});

test('a client behind sentinels is not called by a host that it does not ask', () => {
  const own = new Ioredis({ sentinels: [{ host: 's', port: 1 }], name: 'm', lazyConnect: true });
  assert.equal(redis({ client: own }).address, 'an ioredis sentinel client');
});

test('a client in place of options: the error says where it belongs', () => {
  for (const own of [new Ioredis({ lazyConnect: true }), createClient()]) {
    assert.throws(
      () => redis(own),
      (error) => {
        assert.equal(error.code, 'ERR_SLUICE_OPTIONS');
        assert.match(error.message, /^redis must be given a client as \{ client \}/);
        return error instanceof TypeError;
      },
    );
  }
});

for (const [name, { open, close }] of Object.entries(CLIENTS)) {
  test(`${name}: a client that is not connected is said to be so`, async () => {
    const own = open(`redis://127.0.0.1:${await freePort()}`);
    const limiter = over(own, { deadlineMs: 50, onStoreError: 'throw' });
    await assert.rejects(limiter.check('k'), {
      code: 'ERR_SLUICE_STORE_UNAVAILABLE',
      message: /the client is not connected$/,
    });
    await limiter.close();
    close(own);
  });
}
