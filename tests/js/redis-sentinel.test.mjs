// redis({ sentinels, master }) over real sentinels: the master is found, and followed when it changes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { until } from '../support/redis-server.mjs';

let group;
before(async () => {
  group = await startSentinel({ password: 'of-the-master', sentinelPassword: 'of-the-sentinels' });
});
after(() => group?.stop());

/** The fixture's URL without its credentials. */
const bare = (url) => url.replace(/\/\/.*@/, '//');

function limiterOf(options = {}) {
  return createLimiter({
    policies: tokenBucket({ capacity: 1000, refill: 1, every: '1h' }),
    store: redis({
      sentinels: group.urls.map(bare),
      master: group.name,
      sentinelPassword: 'of-the-sentinels',
      password: 'of-the-master',
    }),
    onStoreError: 'throw',
    denialCache: false,
    deadlineMs: 60_000,
    ...options,
  });
}

const askedOf = (limiter) =>
  limiter.stats().redis.nodes.map(({ address }) => Number(address.split(':')[1]));

test('the master is found and asked', async () => {
  const limiter = limiterOf();
  assert.equal((await limiter.check('k')).source, 'store');
  assert.deepEqual(askedOf(limiter), [(await group.master()).port]);
  await limiter.close();
});

test("the sentinels' password may stand in their URLs, and is not the master's", async () => {
  const store = { sentinels: group.urls, master: group.name, password: () => 'of-the-master' };
  const limiter = limiterOf({ store: redis(store) });
  assert.equal((await limiter.check('k')).source, 'store');
  await limiter.close();
});

test('a master that the sentinels do not know is said to be', async () => {
  const store = redis({
    sentinels: group.urls.map(bare),
    master: 'nobody',
    sentinelPassword: 'of-the-sentinels',
  });
  const limiter = limiterOf({ store });
  await assert.rejects(limiter.check('k'), {
    code: 'ERR_SLUICE_STORE_UNAVAILABLE',
    message: /knows no master of that name/,
  });
  await limiter.close();
});

test('a failover, and then a master that dies: each time the new one is asked', async () => {
  const limiter = limiterOf();
  const decides = (server) =>
    until('the new master decides', async () => {
      const decision = await limiter.check('k').catch(() => undefined);
      return decision?.source === 'store' && askedOf(limiter).includes(server.port);
    });
  assert.equal((await limiter.check('k')).source, 'store');
  await decides(await group.failover());
  const second = await group.master();
  await second.kill();
  const third = await group.switched(second);
  await decides(third);
  // The server that died is back, and takes requests until it learns that it is a replica.
  await second.restart();
  for (let i = 0; i < 20; i++) {
    assert.equal((await limiter.check('k')).source, 'store');
    assert.deepEqual(askedOf(limiter), [third.port]);
  }
  await limiter.close();
});
