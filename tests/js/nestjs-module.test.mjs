// The NestJS module: injection without any request, shutdown, other contexts than HTTP.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { UseGuards } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { createLimiter, SluiceError, tokenBucket } from 'sluice';
import {
  getLimiterToken,
  InjectLimiter,
  RateLimit,
  RateLimitException,
  SluiceGuard,
  SluiceModule,
} from 'sluice/nestjs';
import { controller, platforms, rootModule, start, startContext } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const has = (expected) => (error) => {
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(error[name], value);
    else assert.equal(error[name], value);
  }
  return true;
};

/** A provider with no request and no web in sight. */
function worker(...names) {
  class Worker {
    constructor(...limiters) {
      this.limiters = limiters;
    }
  }
  for (const [index, name] of names.entries()) InjectLimiter(name)(Worker, undefined, index);
  return Worker;
}

const kinds = {
  forRoot: (options) => SluiceModule.forRoot(options),
  forRootAsync: ({ limiters, ...options }) =>
    SluiceModule.forRootAsync({
      useFactory: () => ({ limiters, ...options }),
      ...(limiters && { names: Object.keys(limiters) }),
    }),
};

for (const [kind, module] of Object.entries(kinds)) {
  test(`${kind}: a worker gets its limiters injected in an application that has no request`, async (t) => {
    const Worker = worker(undefined, 'jobs');
    const limiters = { default: { policies: bucket(1) }, jobs: { policies: bucket(2) } };
    const root = rootModule([module({ limiters })], { providers: [Worker] });
    const app = await startContext(t, root);
    const [byDefault, jobs] = app.get(Worker).limiters;
    assert.deepEqual(
      [await byDefault.check('k'), await byDefault.check('k')].map(({ allowed }) => allowed),
      [true, false],
    );
    assert.equal((await jobs.check('k')).remaining, 1);
    assert.equal(app.get(getLimiterToken('jobs')), jobs);
    assert.ok(app.get(SluiceGuard) instanceof SluiceGuard, 'the guard needs no request either');
  });

  test(`${kind}: the limiter that a worker has is the one that the guard asks`, async (t) => {
    const Worker = worker('default');
    const options = { policies: bucket(2), key: () => 'k' };
    const { app, send } = await start(t, platforms.Express, [module(options)], {
      controllers: [controller({ a: [UseGuards(SluiceGuard)] })],
      providers: [Worker],
    });
    const [limiter] = app.get(Worker).limiters;
    await limiter.check('k');
    assert.equal((await send('/a')).status, 200);
    assert.equal((await send('/a')).status, 429);
    await limiter.reset('k');
    assert.equal((await send('/a')).status, 200);
  });

  test(`${kind}: at shutdown the module closes its own limiters and no other`, async (t) => {
    const given = createLimiter({ policies: bucket(1) });
    t.after(() => given.close());
    const limiters = { default: { policies: bucket(1) }, given };
    const Worker = worker('default', 'given');
    const { app } = await start(t, platforms.Fastify, [module({ limiters })], {
      controllers: [controller({ a: [UseGuards(SluiceGuard)] })],
      providers: [Worker],
    });
    const [own, other] = app.get(Worker).limiters;
    assert.equal(other, given);
    await app.close();
    await assert.rejects(own.check('k'), has({ code: 'ERR_SLUICE_CLOSED' }));
    assert.equal((await given.check('k')).allowed, true);
  });
}

test('modules that do not import SluiceModule guard with it and inject its limiters', async (t) => {
  const Worker = worker('default');
  const Pages = controller({ a: [UseGuards(SluiceGuard)] });
  const feature = rootModule([], { controllers: [Pages], providers: [Worker] });
  const root = SluiceModule.forRoot({ policies: bucket(1) });
  const { app, send } = await start(t, platforms.Express, [root, feature]);
  assert.equal((await send('/a')).status, 200);
  assert.equal((await send('/a')).status, 429);
  assert.equal(app.get(Worker, { strict: false }).limiters[0].stats().denied, 1);
});

test('at shutdown a handler that a decorator gave policies has its limiter closed', async (t) => {
  const Pages = controller({ a: [UseGuards(SluiceGuard), RateLimit({ policies: bucket(9) })] });
  const { app } = await start(
    t,
    platforms.Express,
    { policies: bucket(9) },
    { controllers: [Pages] },
  );
  const guard = app.get(SluiceGuard);
  const request = { ip: '192.0.2.7', headers: {} };
  const response = { headersSent: true };
  const context = {
    getClass: () => Pages,
    getHandler: () => Pages.prototype.a,
    getType: () => 'http',
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => response }),
  };
  assert.equal(await guard.canActivate(context), true);
  await app.close();
  await assert.rejects(guard.canActivate(context), has({ code: 'ERR_SLUICE_CLOSED' }));
});

test('two controllers of one name start when one says another name for its state', async (t) => {
  const controllers = ['one', 'two'].map((path) =>
    controller({ a: [RateLimit({ policies: bucket(1), name: path })] }, { path }),
  );
  const { send } = await start(
    t,
    platforms.Express,
    { policies: bucket(9), global: true },
    { controllers },
  );
  assert.equal((await send('/one/a')).status, 200);
  assert.equal((await send('/two/a')).status, 200);
  assert.equal((await send('/one/a')).status, 429);
});

test('a guard that Nest did not make says so', async () => {
  await assert.rejects(
    new SluiceGuard().canActivate({}),
    (error) => error instanceof SluiceError && error.code === 'ERR_SLUICE_NEST',
  );
});

test('import and require give the same classes', () => {
  const required = createRequire(import.meta.url)('sluice/nestjs');
  assert.equal(required.SluiceGuard, SluiceGuard);
  assert.equal(required.SluiceModule, SluiceModule);
  assert.equal(required.RateLimitException, RateLimitException);
});

test('no other entry point loads a package of NestJS', () => {
  const program = `
    for (const entry of ['sluice', 'sluice/testing', 'sluice/express']) require(entry);
    const nest = /node_modules.(@nestjs|rxjs|reflect-metadata)/;
    process.exitCode = Object.keys(require.cache).some((name) => nest.test(name)) ? 1 : 0;`;
  assert.equal(
    spawnSync(process.execPath, ['-e', program], { cwd: new URL('.', import.meta.url) }).status,
    0,
  );
});

test('each provider of SluiceModule has a constructor: GraphQLModule reads it of every provider', async (t) => {
  for (const module of [
    SluiceModule.forRoot({ policies: bucket(1), guard: true }),
    SluiceModule.forRootAsync({ useFactory: () => ({ policies: bucket(1) }) }),
  ]) {
    const app = await startContext(t, rootModule([module]));
    for (const { providers } of app.get(ModulesContainer).values()) {
      for (const [token, { instance }] of providers) {
        if (instance) assert.equal(typeof instance.constructor, 'function', String(token));
      }
    }
  }
});
