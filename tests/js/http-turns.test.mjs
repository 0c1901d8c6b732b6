// Requests that a shaping policy holds back, and whose clients hang up: their turns come back.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, test } from 'node:test';
import { createLimiter, leakyBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { serve, until } from '../support/express.mjs';
import { still } from '../support/limits.mjs';
import { controller, platforms, start } from '../support/nestjs.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();

// One an hour: nothing drains while a test runs.
const policies = leakyBucket({ capacity: 50, leak: 1, every: '1h', mode: 'shape' });
const HELD = 20;

const stores = {
  memory: () => still(policies).limiter,
  Redis: () => {
    const store = redis(server.url);
    const limiter = createLimiter({ policies, store, onStoreError: 'throw', deadlineMs: 60_000 });
    after(() => limiter.close());
    return limiter;
  },
};

const servers = {
  Express: async (t, limiter, key) => {
    const { port, send } = await serve(t, (app) => app.use(rateLimit({ limiter, key })));
    return { port, send, path: '/' };
  },
  ...Object.fromEntries(
    Object.entries(platforms).map(([platform, adapter]) => [
      `Nest on ${platform}`,
      async (t, limiter, key) => {
        const options = { limiters: { default: limiter }, key, global: true };
        const app = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
        return { port: app.port, send: app.send, path: '/a' };
      },
    ]),
  ),
};

const orders = {
  'first to last': (calls) => calls,
  'last to first': (calls) => calls.toReversed(),
  'from the middle': (calls) => [...calls.slice(HELD / 2), ...calls.slice(0, HELD / 2)],
};

for (const [store, make] of Object.entries(stores)) {
  for (const [name, serveWith] of Object.entries(servers)) {
    for (const [order, put] of Object.entries(orders)) {
      test(`${name}, ${store}: clients that hang up, ${order}, leave no turn taken`, async (t) => {
        const limiter = make();
        const caller = `${name} ${order}`;
        const { port, send, path } = await serveWith(t, limiter, () => caller);
        const taken = async () => 50 - (await limiter.peek(caller, { cost: 0 })).remaining;
        assert.equal((await send(path)).status, 200, 'the first waits for nobody');
        const clients = [];
        for (let i = 0; i < HELD; i++) {
          const client = http.get({ port, host: '127.0.0.1', path, agent: false });
          client.on('error', () => {});
          clients.push(client);
          await until(async () => (await taken()) === i + 2);
        }
        for (const client of put(clients)) client.destroy();
        await until(async () => (await taken()) === 1);
      });
    }
  }
}
