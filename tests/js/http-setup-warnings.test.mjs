// Warnings about how an application is set up: its trust in proxies, and middleware made inside a handler.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import express4 from 'express4';
import { createLimiter, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { SluiceGuard } from 'sluice/nestjs';
import { codesOf, collectWarnings } from '../support/collect.mjs';
import { decision, scriptedLimiter, send, serve } from '../support/express.mjs';
import { controller, start } from '../support/nestjs.mjs';

const policies = tokenBucket({ capacity: 100, every: '1s' });
const forwarded = { headers: { 'x-forwarded-for': '192.0.2.1' } };

const trusts = {
  'no proxy': [undefined, 'SLUICE_TRUST_PROXY_NONE'],
  'no proxy, said so': [false, 'SLUICE_TRUST_PROXY_NONE'],
  'every proxy': [true, 'SLUICE_TRUST_PROXY_ALL'],
  'every proxy, by a function': [() => true, 'SLUICE_TRUST_PROXY_ALL'],
  'one proxy': [1, undefined],
  'three proxies': [3, undefined],
  'proxies by address': ['loopback, 10.0.0.0/8', undefined],
  'proxies by a function': [(address) => address === '127.0.0.1', undefined],
};

for (const [what, [setting, code]] of Object.entries(trusts)) {
  for (const [version, makeApp] of Object.entries({ 4: express4, 5: express })) {
    test(`Express ${version} that trusts ${what}: ${code ?? 'no'} warning, once`, async (t) => {
      const warnings = collectWarnings(t);
      const { send } = await serve(
        t,
        (app) => {
          if (setting !== undefined) app.set('trust proxy', setting);
          app.use(rateLimit({ policies }), rateLimit({ policies }));
        },
        { makeApp },
      );
      await send('/');
      for (let i = 0; i < 3; i++) assert.equal((await send('/', forwarded)).status, 200);
      assert.deepEqual(await codesOf(warnings), code === undefined ? [] : [code]);
      if (code !== undefined) assert.match(warnings[0].message, /app\.set\('trust proxy'/);
    });
  }

  test(`NestJS on Express that trusts ${what}: ${code ?? 'no'} warning, once`, async (t) => {
    const warnings = collectWarnings(t);
    const app = await start(
      t,
      () => new ExpressAdapter(),
      { policies, global: true },
      {
        controllers: [controller({ page: [] })],
        configure: (app) => {
          if (setting !== undefined) app.getHttpAdapter().getInstance().set('trust proxy', setting);
        },
      },
    );
    for (let i = 0; i < 3; i++) assert.equal((await app.send('/page', forwarded)).status, 200);
    assert.deepEqual(await codesOf(warnings), code === undefined ? [] : [code]);
  });

  test(`NestJS on Fastify that trusts ${what}: ${code ?? 'no'} warning, once`, async (t) => {
    const warnings = collectWarnings(t);
    const app = await start(
      t,
      () => new FastifyAdapter({ trustProxy: setting }),
      { policies, global: true },
      { controllers: [controller({ page: [] })] },
    );
    for (let i = 0; i < 3; i++) assert.equal((await app.send('/page', forwarded)).status, 200);
    assert.deepEqual(await codesOf(warnings), code === undefined ? [] : [code]);
    if (code !== undefined) assert.match(warnings[0].message, /trustProxy: '10\.0\.0\.0\/8'/);
  });
}

test('a request without X-Forwarded-For says nothing about proxies', async (t) => {
  const warnings = collectWarnings(t);
  const { send } = await serve(t, (app) => app.use(rateLimit({ policies })));
  await send();
  assert.deepEqual(await codesOf(warnings), []);
});

test("where the key is the application's own, trust in proxies is its own affair", async (t) => {
  const warnings = collectWarnings(t);
  class Guard extends SluiceGuard {
    getKey() {
      return 'k';
    }
  }
  const { send } = await serve(t, (app) =>
    app.set('trust proxy', true).use(rateLimit({ policies, key: () => 'k' })),
  );
  await send('/', forwarded);
  for (const adapter of [() => new ExpressAdapter(), () => new FastifyAdapter()]) {
    const controllers = [controller({ page: [] })];
    const byOption = await start(
      t,
      adapter,
      { policies, global: true, key: () => 'k' },
      { controllers },
    );
    await byOption.send('/page', forwarded);
    const byClass = await start(
      t,
      adapter,
      { policies },
      { controllers, providers: [Guard], configure: (app) => app.useGlobalGuards(app.get(Guard)) },
    );
    await byClass.send('/page', forwarded);
  }
  assert.deepEqual(await codesOf(warnings), []);
});

test('a trust function that fails is asked no more than by the framework, and breaks nothing', async (t) => {
  const warnings = collectWarnings(t);
  const { send } = await serve(t, (app) =>
    app
      .set('trust proxy', (address) => {
        if (address !== '127.0.0.1') throw new Error(`unknown: ${address}`);
        return false;
      })
      .use(rateLimit({ policies })),
  );
  assert.equal((await send('/', forwarded)).status, 200);
  assert.deepEqual(await codesOf(warnings), []);
});

const handlers = {
  'a handler': (req, res, next) => rateLimit({ policies })(req, res, next),
  'an async handler, after it has waited': async (req, res, next) => {
    await setImmediate();
    rateLimit({ policies, key: () => 'k' })(req, res, next);
  },
};

for (const [what, handler] of Object.entries(handlers)) {
  for (const [version, makeApp] of Object.entries({ 4: express4, 5: express })) {
    test(`Express ${version}: middleware made inside ${what} is warned of once`, async (t) => {
      const warnings = collectWarnings(t);
      const { send } = await serve(t, (app) => app.use(handler), { makeApp });
      for (let i = 0; i < 3; i++) assert.equal((await send()).status, 200);
      assert.deepEqual(await codesOf(warnings), ['SLUICE_MADE_IN_HANDLER']);
      assert.match(warnings[0].message, /Call rateLimit\(\) once, when the application starts/);
    });
  }
}

test('an application made for each request is warned of once', async (t) => {
  const warnings = collectWarnings(t);
  const server = http.createServer((req, res) => {
    const app = express();
    app.use(rateLimit({ policies }));
    app.get('/', (_req, res) => res.send('hello'));
    app(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const to = { host: '127.0.0.1', port: server.address().port };
  for (let i = 0; i < 3; i++) assert.equal((await send({ ...to, ...forwarded })).status, 200);
  assert.deepEqual((await codesOf(warnings)).sort(), [
    'SLUICE_MADE_IN_HANDLER',
    'SLUICE_TRUST_PROXY_NONE',
  ]);
});

test('an application that the first request builds is not warned of', async (t) => {
  const warnings = collectWarnings(t);
  let app;
  const server = http.createServer((req, res) => {
    if (app === undefined) {
      app = express().use(rateLimit({ policies }), rateLimit({ policies }));
      app.get('/', (_req, res) => res.send('hello'));
    }
    app(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const to = { host: '127.0.0.1', port: server.address().port };
  for (let i = 0; i < 3; i++) assert.equal((await send(to)).status, 200);
  assert.deepEqual(await codesOf(warnings), []);
});

test('middleware made at the start, or of a limiter made at the start, is not warned of', async (t) => {
  const warnings = collectWarnings(t);
  const limiter = createLimiter({ policies });
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ policies }));
    app.use((req, res, next) => rateLimit({ limiter })(req, res, next));
  });
  for (let i = 0; i < 3; i++) await send();
  assert.deepEqual(await codesOf(warnings), []);
});

test('a unit test that makes middleware and calls it at once is not warned of', async (t) => {
  const warnings = collectWarnings(t);
  const limiter = scriptedLimiter(decision());
  const response = Object.assign(new EventEmitter(), { getHeader() {}, setHeader() {} });
  for (const options of [{ policies }, { limiter }]) {
    rateLimit({ ...options, key: () => 'k' })({ headers: {} }, response, () => {});
  }
  assert.deepEqual(await codesOf(warnings), []);
});
