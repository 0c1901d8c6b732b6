// redis({ client }) over a client that rejects with, answers with, or is made of things that throw when they are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, redis, tokenBucket } from 'sluice';

const raise = () => {
  throw new Error('read');
};
const throwing = (...names) =>
  Object.defineProperties({}, Object.fromEntries(names.map((name) => [name, { get: raise }])));
const revoked = (target) => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const trapped = new Proxy({}, { get: raise, has: raise, getPrototypeOf: raise, ownKeys: raise });

/** By name: things that throw when something is read of them. */
const HOSTILE = {
  'an object whose code throws': () => throwing('code'),
  'an object whose message throws': () => throwing('message'),
  'an object all of whose common properties throw': () =>
    throwing('code', 'message', 'name', 'stack', 'toString', Symbol.toPrimitive, 'constructor'),
  'a proxy all of whose traps throw': () => trapped,
  'a revoked proxy': () => revoked({}),
  'a revoked array': () => revoked([]),
  'an array whose elements throw': () => Object.defineProperty([1, 2, 3, 4, 5], 1, { get: raise }),
  'an object whose inspection throws': () => ({
    [Symbol.for('nodejs.util.inspect.custom')]: raise,
  }),
  'an object whose then throws': () => throwing('then'),
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('s'),
  'an error with a message that is no string': () => Object.assign(new Error('e'), { message: {} }),
};

function over(client, onStoreError = 'throw') {
  return createLimiter({
    policies: tokenBucket({ capacity: 5, every: '1h' }),
    store: redis({ client }),
    onStoreError,
    deadlineMs: 60_000,
  });
}

for (const [name, make] of Object.entries(HOSTILE)) {
  test(`a client that rejects with ${name}: the check fails, and close() ends`, async () => {
    const client = { isOpen: true, sendCommand: () => Promise.reject(make()) };
    const limiter = over(client);
    await assert.rejects(limiter.check('k'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    await limiter.close();
  });

  test(`a client that throws or answers with ${name}: the check fails, and close() ends`, async () => {
    let call = 0;
    const client = {
      isOpen: true,
      sendCommand() {
        if (call++ % 2 === 0) throw make();
        return make();
      },
    };
    const limiter = over(client);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(limiter.check('k'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    }
    await limiter.close();
  });
}

test('a client whose state throws counts as not connected, and all checks of a batch are answered', async () => {
  let broken = false;
  const client = {
    isOpen: true,
    get isReady() {
      if (broken) raise();
      return true;
    },
    sendCommand: () => Promise.reject(new Error('gone')),
  };
  for (const rule of ['throw', 'local']) {
    const limiter = over(client, rule);
    broken = true;
    const settled = await Promise.allSettled([limiter.check('a'), limiter.check('b')]);
    const expected = rule === 'throw' ? 'rejected' : 'fulfilled';
    assert.deepEqual(
      settled.map(({ status }) => status),
      [expected, expected],
    );
    assert.equal(limiter.stats().redis.connected, false);
    broken = false;
    await limiter.close();
  }
});
