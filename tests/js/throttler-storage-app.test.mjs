// Applications of @nestjs/throttler's documentation, with only the storage changed.

import 'reflect-metadata';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APP_GUARD } from '@nestjs/core';
import { SkipThrottle, Throttle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { redis } from 'sluice';
import { SluiceThrottlerStorage } from 'sluice/nestjs-throttler';
import { controller, platforms, start, statuses } from '../support/nestjs.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
let apps = 0;
const storages = {
  "the throttler's own storage": () => undefined,
  'SluiceThrottlerStorage in memory': () => new SluiceThrottlerStorage(),
  'SluiceThrottlerStorage in Redis': () =>
    new SluiceThrottlerStorage({
      store: redis(server.url),
      prefix: `app-${apps++}`,
      deadlineMs: 10_000,
    }),
  "SluiceThrottlerStorage in Redis, 'fixedWindow'": () =>
    new SluiceThrottlerStorage({
      store: redis(server.url),
      prefix: `app-${apps++}`,
      deadlineMs: 10_000,
      algorithm: 'fixedWindow',
    }),
};

const HEADERS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'retry-after'];

for (const [what, makeStorage] of Object.entries(storages)) {
  for (const [platform, adapter] of Object.entries(platforms)) {
    test(`${platform}: several throttlers, @Throttle and @SkipThrottle over ${what}`, async (t) => {
      const storage = makeStorage();
      const Pages = controller({
        a: [],
        own: [Throttle({ default: { limit: 1, ttl: 60_000, blockDuration: 120_000 } })],
        noblock: [Throttle({ default: { limit: 1, ttl: 60_000, blockDuration: 0 } })],
        skipped: [SkipThrottle({ default: true, short: true })],
      });
      const throttlers = [
        { name: 'short', ttl: 30_000, limit: 2 },
        { ttl: 60_000, limit: 50 },
      ];
      const module = ThrottlerModule.forRoot({ throttlers, ...(storage && { storage }) });
      const { send } = await start(t, adapter, [module], {
        controllers: [Pages],
        providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
      });
      assert.deepEqual(await statuses(send, '/a', '/a', '/a'), [200, 200, 429]);
      const three = ['/skipped', '/skipped', '/skipped'];
      assert.deepEqual(await statuses(send, ...three), [200, 200, 200]);
      const first = await send('/own');
      const second = await send('/own');
      const third = await send('/noblock');
      const fourth = await send('/noblock');
      const shown = ({ status, headers }) => [status, ...HEADERS.map((name) => headers[name])];
      assert.deepEqual(shown(first), [200, '1', '0', '60', undefined]);
      assert.deepEqual(shown(second), [429, undefined, undefined, undefined, '120']);
      assert.deepEqual(shown(third), [200, '1', '0', '60', undefined]);
      assert.equal(fourth.status, 429);
      assert.ok([59, 60].includes(Number(fourth.headers['retry-after'])));
    });
  }
}
