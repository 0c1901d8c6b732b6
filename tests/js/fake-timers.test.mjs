// Fake timers, as jest, sinon and vitest put them in place of the globals: Sluice does not use them, and so its checks,
// deadlines and waits go on; unless the store's clock is the caller's.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { createLimiter, fixedWindow, leakyBucket, memory, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { dateClock } from 'sluice/testing';
import { freePort } from '../support/ports.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();

/** The globals that @sinonjs/fake-timers replaces. */
const REPLACED = [
  [globalThis, 'queueMicrotask'],
  [globalThis, 'setTimeout'],
  [globalThis, 'clearTimeout'],
  [globalThis, 'setInterval'],
  [globalThis, 'clearInterval'],
  [globalThis, 'setImmediate'],
  [globalThis, 'clearImmediate'],
  [globalThis, 'Date'],
  [globalThis, 'performance'],
  [process, 'nextTick'],
  [process, 'hrtime'],
];

/** The ones that Sluice has called. */
const called = [];
let restore;

/** Whether the caller of the fake is a file of Sluice's. */
const isOurs = () => /[\\/]dist[\\/]/.test(new Error().stack.split('\n')[4] ?? '');

/** Wraps a function or object: it never fires for Sluice, and is unchanged for all others. */
function fakeOf(original, name) {
  const note = (what) => {
    const ours = isOurs();
    if (ours) called.push(what);
    return ours;
  };
  return new Proxy(original, {
    apply: (target, self, args) => (note(name) ? {} : Reflect.apply(target, self, args)),
    construct(target, args) {
      note(name);
      return Reflect.construct(target, args);
    },
    get(target, key) {
      note(`${name}.${String(key)}`);
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' && name === 'performance' ? value.bind(target) : value;
    },
  });
}

beforeEach(() => {
  called.length = 0;
  const saved = REPLACED.map(([holder, name]) => [
    holder,
    name,
    Object.getOwnPropertyDescriptor(holder, name),
  ]);
  for (const [holder, name] of REPLACED) {
    const value = fakeOf(holder[name], name);
    Object.defineProperty(holder, name, { value, configurable: true, writable: true });
  }
  restore = () => {
    for (const [holder, name, descriptor] of saved) Object.defineProperty(holder, name, descriptor);
  };
});
afterEach(() => restore());

const bucket = tokenBucket({ capacity: 5, every: '1h' });

test('checks over Redis are answered', async () => {
  const limiter = createLimiter({ policies: bucket, store: redis(server.url), prefix: 'fake' });
  const decisions = await Promise.all([limiter.check('k'), limiter.check('k')]);
  assert.deepEqual(
    decisions.map(({ source, remaining }) => [source, remaining]),
    [
      ['store', 4],
      ['store', 3],
    ],
  );
  assert.equal((await limiter.wait('k')).remaining, 2);
  await limiter.reset('k');
  await limiter.close();
  assert.deepEqual(called, []);
});

test('a deadline passes where no server is', async () => {
  const store = redis(`redis://127.0.0.1:${await freePort()}`);
  const limiter = createLimiter({ policies: bucket, store, deadlineMs: 20 });
  assert.equal((await limiter.check('k')).source, 'local');
  await limiter.close();
  assert.deepEqual(called, []);
});

test('a deadline passes where a client of the caller never answers', async () => {
  const client = { isOpen: true, sendCommand: () => new Promise(() => {}) };
  const limiter = createLimiter({ policies: bucket, store: redis({ client }), deadlineMs: 20 });
  assert.equal((await limiter.check('k')).source, 'local');
  await limiter.close();
  assert.deepEqual(called, []);
});

test('a call waits in real time for its turn in memory', async () => {
  const policies = leakyBucket({ capacity: 2, leak: 1, every: 2, mode: 'shape' });
  const limiter = createLimiter({ policies, store: memory() });
  await limiter.wait('k');
  assert.equal((await limiter.wait('k')).allowed, true);
  await limiter.close();
  assert.deepEqual(called, []);
});

test('a request waits in real time for its turn in memory', async () => {
  const policies = leakyBucket({ capacity: 2, leak: 1, every: 2, mode: 'shape' });
  const shape = rateLimit({ policies, key: () => 'k' });
  const request = { headers: {}, app: { get() {} } };
  const ask = () => {
    const response = Object.assign(new EventEmitter(), { setHeader() {}, getHeader() {} });
    return new Promise((resolve) => shape(request, response, resolve));
  };
  assert.equal(await ask(), undefined);
  assert.equal(await ask(), undefined, 'the second is held back');
  assert.deepEqual(
    called.filter((name) => /timeout/i.test(name)),
    [],
  );
});

test('a window that follows the clock does so by the real one', () => {
  const policies = fixedWindow({ limit: 5, window: '1h', align: 'clock' });
  const limiter = createLimiter({ policies, store: memory() });
  assert.equal(limiter.checkSync('k').allowed, true);
  assert.deepEqual(called, []);
});

test('under dateClock() the fakes drive checks and waits', async () => {
  restore();
  mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1_000_000_000_000 });
  try {
    const policies = leakyBucket({ capacity: 2, leak: 1, every: '1h', mode: 'shape' });
    const limiter = createLimiter({ policies, store: memory({ clock: dateClock() }) });
    await limiter.wait('k');
    const waiting = limiter.wait('k');
    assert.equal(limiter.checkSync('k').allowed, false);
    // The call has asked, and set its timer, once its promises have had their turn.
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(3_600_000);
    assert.equal((await waiting).allowed, true);
    await limiter.close();
  } finally {
    mock.timers.reset();
  }
});
