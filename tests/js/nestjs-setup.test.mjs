// How an application sets the NestJS module up: twice, guarded twice, request-scoped, in several applications.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Injectable, Module, Scope, UseGuards } from '@nestjs/common';
import { APP_GUARD, NestFactory, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { createLimiter, tokenBucket } from 'sluice';
import {
  getLimiterToken,
  InjectLimiter,
  RateLimit,
  SluiceGuard,
  SluiceModule,
} from 'sluice/nestjs';
import { codesOf, collectWarnings } from '../support/collect.mjs';
import { controller, platforms, start, statuses } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });

/** A module of a name. */
function named(name, metadata) {
  const type = { [name]: class {} }[name];
  Module(metadata)(type);
  return type;
}

const forRoot = (options = {}) => SluiceModule.forRoot({ policies: bucket(4), ...options });

test('forRoot twice with a global guard is warned of: both importers, what happens, and the fix', async (t) => {
  const warnings = collectWarnings(t);
  const limiters = { default: { policies: bucket(9) }, mail: { policies: bucket(9) } };
  const Users = named('UsersModule', {
    imports: [SluiceModule.forRoot({ limiters, global: true })],
    controllers: [controller({ a: [] })],
  });
  const App = named('AppModule', { imports: [forRoot({ global: true }), Users] });
  await start(t, platforms.Express, [App]);
  assert.deepEqual(await codesOf(warnings), ['SLUICE_MODULE_TWICE']);
  const [{ message }] = warnings;
  assert.match(message, /AppModule/);
  assert.match(message, /UsersModule/);
  assert.match(message, /'default', 'mail'/);
  assert.match(message, /limited 2 times/);
  assert.match(message, /once, in the root module.*'limiters'/);
});

test('forRoot twice without a global guard is warned of as well: which limiter is injected is open', async (t) => {
  const warnings = collectWarnings(t);
  const later = SluiceModule.forRootAsync({ useFactory: () => ({ policies: bucket(1) }) });
  const Users = named('UsersModule', { imports: [later] });
  await start(t, platforms.Express, [forRoot(), Users]);
  assert.deepEqual(await codesOf(warnings), ['SLUICE_MODULE_TWICE']);
  assert.match(warnings[0].message, /@InjectLimiter/);
});

for (const [what, imports] of [
  ['one forRoot that two modules import', (root) => [root, named('Users', { imports: [root] })]],
  [
    'a module that imports SluiceModule itself',
    (root) => [root, named('Users', { imports: [SluiceModule] })],
  ],
]) {
  test(`${what} is set up once, and not warned of`, async (t) => {
    const warnings = collectWarnings(t);
    const controllers = [controller({ a: [] })];
    const { send } = await start(t, platforms.Express, imports(forRoot({ global: true })), {
      controllers,
    });
    assert.match((await send('/a')).headers.ratelimit, /r=3/);
    assert.deepEqual(await codesOf(warnings), []);
  });
}

const ways = {
  'global and APP_GUARD': {
    global: true,
    providers: [{ provide: APP_GUARD, useClass: SluiceGuard }],
    places: [/guard: true/, /APP_GUARD of AppModule/],
  },
  'global and an APP_GUARD that uses the existing guard': {
    global: true,
    providers: [{ provide: APP_GUARD, useExisting: SluiceGuard }],
    places: [/guard: true/, /APP_GUARD of AppModule/],
  },
  'global and @UseGuards on a handler': {
    global: true,
    handlers: { a: [UseGuards(SluiceGuard)] },
    places: [/guard: true/, /@UseGuards\(SluiceGuard\) of Pages\.a/],
  },
  'global and @UseGuards on a controller': {
    global: true,
    decorators: [UseGuards(SluiceGuard)],
    places: [/guard: true/, /@UseGuards\(SluiceGuard\) of Pages/],
  },
  'APP_GUARD and @UseGuards': {
    providers: [{ provide: APP_GUARD, useClass: SluiceGuard }],
    handlers: { a: [UseGuards(SluiceGuard)] },
    places: [/APP_GUARD of AppModule/, /@UseGuards\(SluiceGuard\) of Pages\.a/],
  },
  '@UseGuards on a controller and on its handler': {
    handlers: { a: [UseGuards(SluiceGuard)] },
    decorators: [UseGuards(SluiceGuard)],
    places: [/of Pages,/, /of Pages\.a/],
  },
};
for (const [
  what,
  { global, providers = [], handlers = { a: [] }, decorators = [], places },
] of Object.entries(ways)) {
  test(`a handler that is guarded twice (${what}) is charged twice, and warned of with both places`, async (t) => {
    const warnings = collectWarnings(t);
    const App = named('AppModule', {
      imports: [forRoot({ global: global === true })],
      controllers: [controller(handlers, { decorators })],
      providers,
    });
    const { send } = await start(t, platforms.Express, [App]);
    assert.deepEqual(await statuses(send, '/a', '/a', '/a'), [200, 200, 429]);
    assert.deepEqual(await codesOf(warnings), ['SLUICE_GUARDED_TWICE']);
    for (const place of places) assert.match(warnings[0].message, place);
  });
}

test('guards of other classes beside the global one, and handlers of their own, are not warned of', async (t) => {
  const warnings = collectWarnings(t);
  class Tenants extends SluiceGuard {
    getKey = () => 'all';
  }
  const Pages = controller({ a: [UseGuards(Tenants)], b: [] });
  await start(
    t,
    platforms.Express,
    { policies: bucket(9), global: true },
    { controllers: [Pages] },
  );
  const Other = controller({ c: [UseGuards(SluiceGuard)], d: [] });
  await start(t, platforms.Express, { policies: bucket(9) }, { controllers: [Other] });
  assert.deepEqual(await codesOf(warnings), []);
});

test('two applications of one module have limiters of their own; closing one leaves the other open', async (t) => {
  const warnings = collectWarnings(t);
  const shared = createLimiter({ policies: bucket(9) });
  t.after(() => shared.close());
  const limiters = { default: { policies: bucket(1) }, shared };
  const Pages = controller({
    a: [],
    b: [RateLimit({ limiter: 'shared' })],
    c: [RateLimit({ policies: bucket(1) })],
  });
  const module = SluiceModule.forRoot({ limiters, global: true });
  const first = await start(t, platforms.Express, [module], { controllers: [Pages] });
  const second = await start(t, platforms.Fastify, [module], { controllers: [Pages] });
  assert.deepEqual(
    await statuses(first.send, '/a', '/a', '/b', '/c', '/c'),
    [200, 429, 200, 200, 429],
  );
  await first.app.close();
  assert.deepEqual(
    await statuses(second.send, '/a', '/a', '/b', '/c', '/c'),
    [200, 429, 200, 200, 429],
  );
  assert.equal(shared.stats().allowed, 2);
  // As after a hot reload: the same classes and the same module in an application made anew.
  await second.app.close();
  const third = await start(t, platforms.Express, [module], { controllers: [Pages] });
  assert.deepEqual(
    await statuses(third.send, '/a', '/a', '/b', '/c', '/c'),
    [200, 429, 200, 200, 429],
  );
  assert.deepEqual(await codesOf(warnings), []);
});

test('while an application closes, its providers may still ask their limiters', async () => {
  const found = [];
  class Worker {
    async onModuleDestroy() {
      found.push(await this.limiter.check('a'));
    }
    async beforeApplicationShutdown() {
      found.push(await this.limiter.check('b'));
    }
    async onApplicationShutdown() {
      found.push(await this.limiter.check('c'));
    }
  }
  InjectLimiter()(Worker.prototype, 'limiter');
  const Deep = named('Deep', { providers: [Worker] });
  const App = named('AppModule', { imports: [named('Feature', { imports: [Deep] }), forRoot()] });
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const limiter = app.get(getLimiterToken(), { strict: false });
  await app.close();
  assert.deepEqual(
    found.map(({ allowed }) => allowed),
    [true, true, true],
  );
  await assert.rejects(limiter.check('d'), { code: 'ERR_SLUICE_CLOSED' });
});

/** Injectable, one for each request. */
function perRequest(type) {
  Injectable({ scope: Scope.REQUEST })(type);
  return type;
}

test('options made for each request are refused at start: their limiters would never limit', async (t) => {
  const Settings = perRequest(class Settings {});
  const imports = [named('SettingsModule', { providers: [Settings], exports: [Settings] })];
  for (const inject of [[REQUEST], [Settings]]) {
    const module = SluiceModule.forRootAsync({
      imports,
      inject,
      useFactory: () => ({ policies: bucket(1) }),
    });
    await assert.rejects(
      start(t, platforms.Express, [module], { controllers: [controller({ a: [] })] }),
      {
        code: 'ERR_SLUICE_OPTIONS',
        message: /forRootAsync\.inject.* must be .*request-scoped.*'key', 'plan', 'cost'/,
      },
    );
  }
});

test('a replacement of a limiter that is made for each request is refused at start as well', async () => {
  const building = Test.createTestingModule({ imports: [forRoot()] })
    .overrideProvider(getLimiterToken())
    .useFactory({ factory: () => ({ check: async () => ({ allowed: true }) }), inject: [REQUEST] });
  const testing = await building.compile();
  await assert.rejects(testing.init(), {
    code: 'ERR_SLUICE_OPTIONS',
    message: /^the replacement of a limiter must be .*; got one$/,
  });
});

test('a request-scoped controller, guard and key service share one limiter', async (t) => {
  const Keys = perRequest(
    class Keys {
      of = (request) => `user:${request.headers['x-user']}`;
    },
  );
  class UserGuard extends SluiceGuard {
    constructor(keys) {
      super();
      this.keys = keys;
    }
    getKey(request) {
      return this.keys.of(request);
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Keys], UserGuard);
  Injectable({ scope: Scope.REQUEST })(UserGuard);
  const Pages = controller({ a: [] });
  class Worker {}
  InjectLimiter()(Worker.prototype, 'limiter');
  perRequest(Pages);
  const { app, send } = await start(
    t,
    platforms.Express,
    { policies: bucket(1) },
    {
      controllers: [Pages],
      providers: [Keys, Worker, { provide: APP_GUARD, useClass: UserGuard, scope: Scope.REQUEST }],
    },
  );
  const as = (user) => send('/a', { headers: { 'x-user': user } });
  const found = [];
  for (const user of ['ann', 'ann', 'bob']) found.push((await as(user)).status);
  assert.deepEqual(found, [200, 429, 200]);
  assert.equal(app.get(Worker).limiter, app.get(getLimiterToken()));
  assert.deepEqual(app.get(Worker).limiter.stats().denied, 1);
});
