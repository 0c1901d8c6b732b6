// The compatibility mode over a foreign store that does not answer.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { rateLimit } from 'sluice/express';
import { collectUnhandled, serve } from '../support/express.mjs';

const { withDeadline } = createRequire(import.meta.url)('../../dist/express/compat/deadline.js');

/** A store whose answers wait for the test: it keeps the calls. */
function silentStore() {
  const calls = [];
  return {
    calls,
    increment: (key) => new Promise((resolve, reject) => calls.push({ key, resolve, reject })),
    decrement() {},
    resetKey() {},
  };
}

// The deadline's timer does not keep a process alive.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

const UNAVAILABLE = { code: 'ERR_SLUICE_STORE_UNAVAILABLE' };
/** `askOnce` throws at once, or rejects. */
const ask = async (askOnce) => askOnce('k');

test('a silent store is asked by one call per deadline, until it answers', async () => {
  const store = silentStore();
  let now = 0;
  const increment = withDeadline(store, 20, () => now);
  await Promise.all([1, 2].map(() => assert.rejects(ask(increment), UNAVAILABLE)));
  now = 19;
  assert.throws(() => increment('k'), UNAVAILABLE);
  assert.equal(store.calls.length, 2);
  now = 20;
  const probe = assert.rejects(ask(increment), UNAVAILABLE);
  assert.throws(() => increment('k'), UNAVAILABLE);
  assert.equal(store.calls.length, 3);
  await probe;
  assert.throws(() => increment('k'), UNAVAILABLE);
  // A late answer ends the silence, be it an error.
  store.calls[0].reject(new Error('late'));
  await null;
  const asked = [increment('k'), increment('k')];
  assert.equal(store.calls.length, 5);
  for (const { resolve } of store.calls) resolve({ totalHits: 3 });
  assert.deepEqual(await Promise.all(asked), [{ totalHits: 3 }, { totalHits: 3 }]);
});

test('an answer that waits while the process is busy counts', async () => {
  let answer;
  const store = {
    increment: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  };
  await new Promise((resolve) => setImmediate(resolve));
  const asked = ask(withDeadline(store, 5));
  // In the next turn of the loop the timer is due, and the answer comes after it.
  setImmediate(() => answer({ totalHits: 1 }));
  const until = performance.now() + 15;
  while (performance.now() < until);
  assert.deepEqual(await asked, { totalHits: 1 });
});

test('errors and answers without a promise are passed on', async () => {
  const failing = withDeadline({ increment: async () => Promise.reject(new Error('no')) });
  await assert.rejects(ask(failing), /^Error: no$/);
  const plain = withDeadline({ increment: () => ({ totalHits: 1, resetTime: undefined }) });
  assert.deepEqual(plain('k'), { totalHits: 1, resetTime: undefined });
});

test('each rule of passOnStoreError holds for a store that never answers', async (t) => {
  const unhandled = collectUnhandled(t);
  const got = await Promise.all(
    [undefined, true, false].map(async (passOnStoreError) => {
      const logged = [];
      const logger = { error: ({ code }) => logged.push(code), warn() {} };
      const store = silentStore();
      const options = { limit: 2, passOnStoreError, store, logger };
      const server = await serve(t, (app) => app.use(rateLimit(options)));
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await server.send()).status);
      return [statuses, logged.length, store.calls.length];
    }),
  );
  assert.deepEqual(got, [
    [[200, 200, 429], 1, 1],
    [[200, 200, 200], 3, 1],
    [[500, 500, 500], 0, 1],
  ]);
  assert.deepEqual(unhandled, []);
});
