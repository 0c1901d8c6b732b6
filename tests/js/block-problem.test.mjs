// The problem type of a denial by a block, which `limiter.block()` or a policy's `blockFor` begins, on both stores.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow, memory, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { serve } from '../support/express.mjs';
import { redis } from '../support/transport.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const stores = { memory: () => memory(), redis: () => redis(server.url) };
const REGISTRY = 'https://iana.org/assignments/http-problem-types#';
let prefixes = 0;

/** A server over a limiter; `ask(cost)` sends a request of the key 'k'. */
async function served(t, store, policies) {
  const limiter = createLimiter({
    policies,
    store: store(),
    prefix: `bp${prefixes++}`,
    onStoreError: 'throw',
    deadlineMs: 60_000,
  });
  t.after(() => limiter.close());
  const cost = (req) => Number(req.get('x-cost'));
  const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, key: () => 'k', cost })));
  const ask = async (cost = 1) => {
    const { status, body } = await send('/', { headers: { 'x-cost': String(cost) } });
    if (status !== 429) return { status };
    const { type, 'violated-policies': policies } = JSON.parse(body);
    return { status, type: type.replace(REGISTRY, ''), policies };
  };
  return { limiter, ask };
}

for (const [name, store] of Object.entries(stores)) {
  test(`${name}: a denial by limiter.block() is abnormal usage, one by the quota is not`, async (t) => {
    const { limiter, ask } = await served(t, store, {
      burst: tokenBucket({ capacity: 2, refill: 1, every: '10h' }),
      daily: fixedWindow({ limit: 9, window: '1d' }),
    });
    const passes = await ask();
    assert.notEqual(passes.status, 429);
    await limiter.block('k', '1h');
    const blocked = {
      status: 429,
      type: 'abnormal-usage-detected',
      policies: ['burst', 'daily'],
    };
    // Over Redis the cache answers some of them.
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(), blocked);
    const never = { status: 429, type: 'quota-exceeded', policies: ['burst', 'daily'] };
    assert.deepEqual(await ask(10), never, 'no wait would admit it');
    assert.deepEqual(await ask(0), passes);
    await limiter.unblock('k');
    assert.deepEqual(await ask(), passes);
    const usedUp = { status: 429, type: 'quota-exceeded', policies: ['burst'] };
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(), usedUp);
  });

  test(`${name}: a block that a shadow began is no reason for a denial`, async (t) => {
    const bucket = (options) => tokenBucket({ capacity: 1, refill: 1, every: '10h', ...options });
    const { limiter, ask } = await served(t, store, {
      shadow: bucket({ enforce: false, blockFor: '1h' }),
      real: bucket(),
    });
    await ask();
    const usedUp = { status: 429, type: 'quota-exceeded', policies: ['real'] };
    for (let i = 0; i < 2; i++) assert.deepEqual(await ask(), usedUp, 'only the shadow blocks');
    await limiter.block('k', '1h');
    assert.deepEqual(await ask(), { ...usedUp, type: 'abnormal-usage-detected' });
  });
}
