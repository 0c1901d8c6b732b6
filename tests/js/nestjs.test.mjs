// The limiters of NestJS handlers: the module's, named ones, and those of decorators. On both platforms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { createLimiter, memory, tokenBucket } from 'sluice';
import { RateLimit, SkipRateLimit, SluiceGuard, SluiceModule } from 'sluice/nestjs';
import { controller, onMethod, platforms, start, statuses } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const userKey = (request) => request.headers['x-user'];
const as = (user) => ({ headers: { 'x-user': user } });

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: the module's policies count a caller across routes and controllers`, async (t) => {
    const controllers = [controller({ a: [], b: [] }), controller({ c: [] }, { name: 'More' })];
    const options = { policies: bucket(3), global: true };
    const { send } = await start(t, adapter, options, { controllers });
    assert.deepEqual(await statuses(send, '/a', '/b', '/c', '/a', '/c'), [200, 200, 200, 429, 429]);
  });

  test(`${platform}: a decorator's policies count a caller for each handler apart, also under a class's decorator`, async (t) => {
    const controllers = [
      controller({ a: [RateLimit({ policies: bucket(1) })], plain: [] }),
      controller({ b: [], c: [] }, { name: 'B', decorators: [RateLimit({ policies: bucket(1) })] }),
    ];
    const options = { policies: bucket(1), global: true };
    const { send } = await start(t, adapter, options, { controllers });
    assert.deepEqual(await statuses(send, '/a', '/b', '/c', '/plain'), [200, 200, 200, 200]);
    assert.deepEqual(await statuses(send, '/a', '/b', '/c', '/plain'), [429, 429, 429, 429]);
  });

  test(`${platform}: a limiter that a decorator names counts a caller across the handlers that name it`, async (t) => {
    const named = [RateLimit({ limiter: 'search' })];
    const options = {
      limiters: { default: { policies: bucket(9) }, search: { policies: bucket(2) } },
    };
    const { send } = await start(
      t,
      adapter,
      { ...options, global: true },
      { controllers: [controller({ a: named, b: named, c: [] })] },
    );
    assert.deepEqual(await statuses(send, '/a', '/b', '/a', '/b'), [200, 200, 429, 429]);
    assert.match((await send('/c')).headers.ratelimit, /r=8;/);
  });

  test(`${platform}: without a limiter 'default', what names none is not limited`, async (t) => {
    const options = { limiters: { search: { policies: bucket(1) } }, global: true };
    const controllers = [controller({ a: [RateLimit({ limiter: 'search' })], b: [] })];
    const { send } = await start(t, adapter, options, { controllers });
    assert.deepEqual(await statuses(send, '/a', '/a', '/b', '/b'), [200, 429, 200, 200]);
  });

  test(`${platform}: the module's key and cost hold, unless a decorator has its own`, async (t) => {
    const controllers = [
      controller({
        a: [],
        dear: [RateLimit({ cost: async () => ({ default: 5 }) })],
        shared: [RateLimit({ key: () => 'all', cost: 4 })],
        own: [RateLimit({ policies: { own: bucket(10) } })],
        named: [RateLimit({ limiter: 'named' })],
      }),
    ];
    const cost = (request) => ({ default: Number(request.headers['x-cost'] ?? 2) });
    const limiters = { default: { policies: bucket(10) }, named: { policies: bucket(10) } };
    const options = { limiters, key: userKey, cost, global: true };
    const { send } = await start(t, adapter, options, { controllers });
    const left = async (path, user) =>
      (await send(path, as(user))).headers.ratelimit.match(/r=(\d+)/)[1];
    assert.equal(await left('/a', 'ann'), '8');
    assert.equal(await left('/dear', 'ann'), '3');
    assert.equal(await left('/a', 'bob'), '8');
    assert.equal(await left('/shared', 'ann'), '6');
    assert.equal(await left('/shared', 'bob'), '2');
    assert.equal(await left('/own', 'ann'), '9');
    assert.equal(await left('/named', 'ann'), '9');
  });

  test(`${platform}: @SkipRateLimit lets a handler pass unasked, and of a class those without @RateLimit`, async (t) => {
    const limiter = createLimiter({ policies: bucket(1) });
    t.after(() => limiter.close());
    const controllers = [
      controller({ a: [SkipRateLimit()], b: [] }),
      controller(
        { c: [], d: [RateLimit({ policies: bucket(1) })] },
        { name: 'Skipped', decorators: [SkipRateLimit()] },
      ),
    ];
    const options = { limiters: { default: limiter }, global: true };
    const { send } = await start(t, adapter, options, { controllers });
    const { status, headers } = await send('/a');
    assert.deepEqual([status, headers.ratelimit], [200, undefined]);
    assert.deepEqual(await statuses(send, '/a', '/c', '/c'), [200, 200, 200]);
    assert.equal(limiter.stats().allowed, 0);
    assert.deepEqual(await statuses(send, '/b', '/b', '/d', '/d'), [200, 429, 200, 429]);
  });

  test(`${platform}: without 'global', @UseGuards and APP_GUARD guard, and nothing else does`, async (t) => {
    const guarded = controller({ a: [UseGuards(SluiceGuard)], b: [] });
    const byRoute = await start(t, adapter, { policies: bucket(1) }, { controllers: [guarded] });
    assert.deepEqual(await statuses(byRoute.send, '/a', '/a', '/b', '/b'), [200, 429, 200, 200]);

    const all = await start(
      t,
      adapter,
      { policies: bucket(1) },
      {
        controllers: [controller({ a: [], b: [] })],
        providers: [{ provide: APP_GUARD, useClass: SluiceGuard }],
      },
    );
    assert.deepEqual(await statuses(all.send, '/a', '/b'), [200, 429]);
  });

  test(`${platform}: forRootAsync limits by what its factory makes of what is injected`, async (t) => {
    const settings = { capacity: 2 };
    class Settings {}
    const module = SluiceModule.forRootAsync({
      imports: [
        { module: Settings, providers: [{ provide: 'S', useValue: settings }], exports: ['S'] },
      ],
      inject: ['S'],
      useFactory: async ({ capacity }) => ({ policies: bucket(capacity), key: userKey }),
      global: true,
    });
    const { send } = await start(t, adapter, [module], { controllers: [controller({ a: [] })] });
    const sent = [];
    for (const user of ['ann', 'ann', 'ann', 'bob']) sent.push((await send('/a', as(user))).status);
    assert.deepEqual(sent, [200, 200, 429, 200]);
  });
}

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: headers takes several formats, and a denial has them too`, async (t) => {
    const options = { policies: bucket(1), global: true, headers: ['draft-10', 'legacy'] };
    const { send } = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
    for (const status of [200, 429]) {
      const answer = await send('/a');
      assert.equal(answer.status, status);
      assert.match(answer.headers.ratelimit, /^"default";r=0;t=3600$/);
      assert.equal(answer.headers['x-ratelimit-limit'], '1');
      assert.equal(answer.headers['x-ratelimit-remaining'], '0');
    }
  });
}

test('handlers of one name in one store keep their state apart from the other limiters', async (t) => {
  const store = memory();
  const options = {
    limiters: { default: { policies: bucket(1) }, 'Pages.a': { policies: bucket(1) } },
    store,
    prefix: 'p',
    global: true,
  };
  const named = [RateLimit({ limiter: 'Pages.a' })];
  const controllers = [
    controller({ a: [RateLimit({ policies: bucket(1) })], b: named, c: [] }),
    controller({ d: [RateLimit({ policies: bucket(1) })] }, { name: 'Other' }),
  ];
  const first = await start(t, platforms.Express, options, { controllers });
  assert.deepEqual(await statuses(first.send, '/a', '/b', '/c'), [200, 200, 200]);
  // The names are stable: another application over this store goes on, whatever it loads first.
  const second = await start(t, platforms.Fastify, options, { controllers: controllers.reverse() });
  assert.deepEqual(await statuses(second.send, '/d', '/c', '/b', '/a'), [200, 429, 429, 429]);
});

test("an inherited handler counts for each controller that inherits it, also under another decorator's wrapper", async (t) => {
  const wrap = (_target, _name, descriptor) => {
    const inner = descriptor.value;
    descriptor.value = function wrapper(...args) {
      return inner.apply(this, args);
    };
  };
  class Base {
    list() {
      return 'list';
    }
    find() {
      return 'find';
    }
  }
  for (const name of ['list', 'find']) {
    const descriptor = Object.getOwnPropertyDescriptor(Base.prototype, name);
    wrap(Base.prototype, name, descriptor);
    Object.defineProperty(Base.prototype, name, descriptor);
    onMethod(Base, name, Get(name), RateLimit({ policies: bucket(1) }));
  }
  class Cats extends Base {}
  class Dogs extends Base {}
  Controller('cats')(Cats);
  Controller('dogs')(Dogs);
  const options = { policies: bucket(9), global: true };
  const { send } = await start(t, platforms.Express, options, { controllers: [Cats, Dogs] });
  const paths = ['/cats/list', '/cats/find', '/dogs/list', '/dogs/find'];
  assert.deepEqual(await statuses(send, ...paths), [200, 200, 200, 200]);
  assert.deepEqual(await statuses(send, ...paths), [429, 429, 429, 429]);
});
