// Options of SluiceModule: ways to give them, where they hold, skip and handler, and hints for others' options.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConflictException, Injectable, Module, Scope, UseGuards } from '@nestjs/common';
import { memory, tokenBucket } from 'sluice';
import { InjectLimiter, RateLimit, SluiceGuard, SluiceModule } from 'sluice/nestjs';
import {
  controller,
  platforms,
  rootModule,
  start,
  startContext,
  statuses,
} from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const guarded = { guard: true };

/** Makes the options with a value that is injected. */
class Settings {
  constructor(capacity) {
    this.capacity = capacity;
  }
  async createSluiceOptions() {
    return { policies: bucket(this.capacity) };
  }
}
Injectable()(Settings);
Reflect.defineMetadata('self:paramtypes', [{ index: 0, param: 'CAPACITY' }], Settings);

class Values {}
Module({ providers: [{ provide: 'CAPACITY', useValue: 2 }], exports: ['CAPACITY'] })(Values);
class SettingsModule {}
Module({ imports: [Values], providers: [Settings], exports: [Settings] })(SettingsModule);

for (const [platform, adapter] of Object.entries(platforms)) {
  for (const [how, options] of Object.entries({
    useFactory: {
      imports: [Values],
      inject: ['CAPACITY'],
      useFactory: (capacity) => ({ policies: bucket(capacity) }),
    },
    useClass: { imports: [Values], useClass: Settings },
    useExisting: { imports: [SettingsModule], useExisting: Settings },
  })) {
    test(`${platform}: forRootAsync limits by the options of ${how}`, async (t) => {
      const module = SluiceModule.forRootAsync({ ...options, ...guarded });
      const { send } = await start(t, adapter, [module], { controllers: [controller({ a: [] })] });
      assert.deepEqual(await statuses(send, '/a', '/a', '/a'), [200, 200, 429]);
    });
  }

  test(`${platform}: skip lets requests pass without a charge or headers`, async (t) => {
    const kinds = [];
    const skip = async (request, context) => {
      kinds.push(context.getType());
      return request.headers['x-internal'] === 'yes';
    };
    const { send } = await start(
      t,
      adapter,
      { policies: bucket(1), ...guarded, skip },
      { controllers: [controller({ a: [] })] },
    );
    const internal = { headers: { 'x-internal': 'yes' } };
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await send('/a', internal);
      assert.deepEqual([status, headers.ratelimit], [200, undefined]);
    }
    assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
    assert.deepEqual(new Set(kinds), new Set(['http']));
  });

  test(`${platform}: what skip fails with reaches the exception filters`, async (t) => {
    const skip = () => {
      throw new ConflictException('no');
    };
    const { send } = await start(
      t,
      adapter,
      { policies: bucket(1), ...guarded, skip },
      { controllers: [controller({ a: [] })] },
    );
    assert.deepEqual(await statuses(send, '/a'), [409]);
  });

  for (const [kind, handler] of Object.entries({
    'a handler': (_request, _context, { policy }) => {
      throw new ConflictException(`over ${policy}`);
    },
    'an async handler': async (_request, _context, { policy }) => {
      throw new ConflictException(`over ${policy}`);
    },
  })) {
    test(`${platform}: the exception of ${kind} answers a denied request, with the headers`, async (t) => {
      const { send } = await start(
        t,
        adapter,
        { policies: { burst: bucket(1) }, ...guarded, handler },
        { controllers: [controller({ a: [] })] },
      );
      await send('/a');
      const { status, headers, body } = await send('/a');
      assert.equal(status, 409);
      assert.equal(JSON.parse(body).message, 'over burst');
      assert.match(headers['content-type'], /^application\/json/);
      assert.equal(headers['retry-after'], '3600');
    });
  }

  for (const [kind, handler] of Object.entries({
    'a handler': () => {},
    'an async handler': async () => {},
  })) {
    test(`${platform}: ${kind} that returns admits no request`, async (t) => {
      const asked = [];
      const { send } = await start(
        t,
        adapter,
        {
          policies: bucket(1),
          ...guarded,
          handler: (...args) => {
            asked.push(args);
            return handler();
          },
        },
        { controllers: [controller({ a: [] })] },
      );
      assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
      const [[request, context, decision]] = asked;
      assert.equal(request.url, '/a');
      assert.equal(context.getHandler().name, 'a');
      assert.equal(decision.allowed, false);
    });
  }

  for (const [name, flags, expected] of [
    ['guard: true', { guard: true }, [200, 429]],
    ["its alias 'global: true'", { global: true }, [200, 429]],
    ['both', { guard: true, global: true }, [200, 429]],
    ['neither', {}, [200, 200]],
    ['guard: false', { guard: false }, [200, 200]],
  ]) {
    test(`${platform}: ${name} guards as it says`, async (t) => {
      const sync = SluiceModule.forRoot({ policies: bucket(1), ...flags });
      const later = SluiceModule.forRootAsync({
        useFactory: () => ({ policies: bucket(1) }),
        ...flags,
      });
      for (const module of [sync, later]) {
        const { send } = await start(t, adapter, [module], {
          controllers: [controller({ a: [] })],
        });
        assert.deepEqual(await statuses(send, '/a', '/a'), expected);
      }
    });
  }
}

test('isGlobal: false shows the limiters only to modules that import SluiceModule', async (t) => {
  class Worker {}
  InjectLimiter()(Worker.prototype, 'limiter');
  for (const isAsync of [false, true]) {
    const make = (isGlobal) =>
      isAsync
        ? SluiceModule.forRootAsync({ useFactory: () => ({ policies: bucket(1) }), isGlobal })
        : SluiceModule.forRoot({ policies: bucket(1), isGlobal });
    const feature = (imports) => {
      class Feature {}
      Module({ imports, providers: [Worker] })(Feature);
      return Feature;
    };
    const open = await startContext(t, rootModule([make(undefined), feature([])]));
    assert.equal(typeof open.get(Worker, { strict: false }).limiter.check, 'function');
    await assert.rejects(
      startContext(t, rootModule([make(false), feature([])])),
      /SluiceLimiter:default/,
    );
    const module = make(false);
    const closed = await startContext(t, rootModule([module, feature([module])]));
    assert.equal(typeof closed.get(Worker, { strict: false }).limiter.check, 'function');
  }
});

test('isGlobal: false with guard: true guards every handler', async (t) => {
  const Pages = controller({ a: [] });
  class Feature {}
  Module({ controllers: [Pages] })(Feature);
  const module = SluiceModule.forRoot({ policies: bucket(1), isGlobal: false, guard: true });
  const { send } = await start(t, platforms.Express, [module, Feature]);
  assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
});

test('isGlobal: false: a feature module that imports it may use SluiceGuard', async (t) => {
  const module = SluiceModule.forRoot({ policies: bucket(1), isGlobal: false });
  class Feature {}
  Module({ imports: [module], controllers: [controller({ a: [UseGuards(SluiceGuard)] })] })(
    Feature,
  );
  const { send } = await start(t, platforms.Express, [module, Feature]);
  assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
});

test('a class of options that is made for each request is refused at start', async (t) => {
  class PerRequest {
    createSluiceOptions() {
      return { policies: bucket(1) };
    }
  }
  Injectable({ scope: Scope.REQUEST })(PerRequest);
  const module = SluiceModule.forRootAsync({ useClass: PerRequest, guard: true });
  await assert.rejects(start(t, platforms.Express, [module]), /request-scoped/);
});

const one = { policies: bucket(1) };
const sync = (options) => SluiceModule.forRoot(options);
const later = (options) => SluiceModule.forRootAsync(options);

for (const [what, refused, message] of [
  [
    'ttl and limit',
    () => sync({ ttl: 60_000, limit: 10 }),
    /'ttl' of @nestjs\/throttler\. Write policies: slidingLog\(\{ limit: 10, window: 60000 \}\)$/,
  ],
  ['limit alone', () => sync({ limit: 10 }), /slidingLog\(\{ limit: 10, window: ttl \}\)/],
  [
    'throttlers',
    () => sync({ throttlers: [{ ttl: 1000, limit: 3 }] }),
    /'throttlers'.*policies: slidingLog\(\{ limit: 3, window: 1000 \}\)$/,
  ],
  [
    'several throttlers',
    () =>
      sync({
        throttlers: [
          { name: 'short', ttl: 1, limit: 2 },
          { ttl: 3, limit: 4 },
        ],
      }),
    /\{ short: slidingLog\(\{ limit: 2, window: 1 \}\), policy2: slidingLog\(\{ limit: 4, window: 3 \}\) \}/,
  ],
  [
    'a list of throttlers',
    () => sync([{ ttl: 1000, limit: 3 }]),
    /policies: slidingLog\(\{ limit: 3, window: 1000 \}\).*got a list$/,
  ],
  ['storage', () => sync({ ...one, storage: {} }), /store: redis\(url\)/],
  ['skipIf', () => sync({ ...one, skipIf: () => true }), /skip: \(request, context\)/],
  ['getTracker', () => sync({ ...one, getTracker: () => '' }), /key: \(request, context\)/],
  [
    'ttl and limit in a decorator',
    () => RateLimit({ ttl: 5, limit: 6 }),
    /^@RateLimit has no option 'ttl'.*limit: 6, window: 5/,
  ],
  [
    "@Throttle's form in a decorator",
    () => RateLimit({ default: { ttl: 5, limit: 6 } }),
    /'default'.*limit: 6, window: 5/,
  ],
  [
    'throttlers by name in the module',
    () => sync({ short: { ttl: 5, limit: 6 } }),
    /'short'.*limit: 6, window: 5/,
  ],
  ['guard: "yes"', () => sync({ ...one, guard: 'yes' }), /forRoot\.guard/],
  ['isGlobal: 1', () => later({ useFactory: () => one, isGlobal: 1 }), /forRootAsync\.isGlobal/],
  [
    'guard and global that differ',
    () => sync({ ...one, guard: true, global: false }),
    /forRoot\.global.*'guard'/,
  ],
  ['no source', () => later({}), /forRootAsync\.useFactory.*useClass.*useExisting/],
  [
    'two sources',
    () => later({ useFactory: () => one, useClass: Settings }),
    /forRootAsync\.useClass.*'useFactory'/,
  ],
  ['a useClass that is no class', () => later({ useClass: 'Settings' }), /forRootAsync\.useClass/],
  [
    'inject beside useClass',
    () => later({ useClass: Settings, inject: ['A'] }),
    /forRootAsync\.inject/,
  ],
  ['a skip that is no function', () => sync({ ...one, skip: true }), /forRoot\.skip/],
  ['a handler that is no function', () => sync({ ...one, handler: 'no' }), /forRoot\.handler/],
]) {
  test(`refused with what to write: ${what}`, () => {
    assert.throws(refused, { name: 'TypeError', code: /^ERR_SLUICE_/, message });
  });
}

test('limits of a policy that is named limit or ttl are no options of a throttler', () => {
  sync({ policies: { ttl: bucket(1) }, limits: { ttl: 5 }, cost: { ttl: 1 } });
  RateLimit({ limits: { limit: 5 }, cost: { limit: 2 } });
});

test('a provider without createSluiceOptions is refused with its name', async (t) => {
  class Nothing {}
  for (const [how, options] of Object.entries({
    useClass: { useClass: Nothing },
    useExisting: { imports: [Values], useExisting: 'CAPACITY' },
  })) {
    const root = rootModule([later(options)]);
    const message = new RegExp(`${how}.*createSluiceOptions\\(\\)`);
    await assert.rejects(startContext(t, root), { code: 'ERR_SLUICE_OPTIONS', message });
  }
});

test('wrong options of a class are refused with the place', async (t) => {
  class Wrong {
    createSluiceOptions() {
      return { policies: bucket(1), guard: true, store: memory() };
    }
  }
  await assert.rejects(startContext(t, rootModule([later({ useClass: Wrong })])), {
    message: /createSluiceOptions\(\) of forRootAsync\.useClass has no option 'guard'/,
  });
});
