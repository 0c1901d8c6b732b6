// Events about calls over Redis: each is published in the async context of its call.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { createLimiter, tokenBucket } from 'sluice';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const unreachable = 'redis://127.0.0.1:1';

const nothing = (options) => tokenBucket({ capacity: 0, every: '1h', ...options });
const EVENTS = {
  'sluice:denied': { policies: nothing(), url: server.url },
  'sluice:would-deny': { policies: nothing({ enforce: false }), url: server.url },
  'sluice:fault': { policies: nothing(), url: unreachable },
};
const CALLS = {
  check: (limiter, key) => limiter.check(key),
  checkMany: (limiter, key) => limiter.checkMany([{ key }]),
  wait: (limiter, key) => limiter.wait(key, { maxWaitMs: 0 }),
};

for (const [event, { policies, url }] of Object.entries(EVENTS)) {
  for (const [method, call] of Object.entries(CALLS)) {
    test(`${event} of ${method} is published in the context of its call`, async (t) => {
      const limiter = createLimiter({ policies, store: redis(url), deadlineMs: 60_000 });
      t.after(() => limiter.close());
      const storage = new AsyncLocalStorage();
      const seen = [];
      const note = () => seen.push(storage.getStore());
      subscribe(event, note);
      t.after(() => unsubscribe(event, note));
      // In one batch: its answers come together.
      const keys = ['a', 'b', 'c'];
      await Promise.all(keys.map((key) => storage.run(key, () => call(limiter, key))));
      assert.deepEqual(seen, keys);
    });
  }
}
