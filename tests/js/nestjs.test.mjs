// The NestJS guard over HTTP, on both platforms.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Catch, UseFilters, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { createLimiter, memory, tokenBucket } from 'sluice';
import {
  RateLimit,
  RateLimitException,
  SkipRateLimit,
  SluiceGuard,
  SluiceModule,
} from 'sluice/nestjs';
import { denial, scriptedLimiter } from './express-support.mjs';
import { controller, platforms, start } from './nestjs-support.mjs';

const nest = createRequire(import.meta.url)('@nestjs/core/package.json');
const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const statuses = async (send, ...paths) => {
  const found = [];
  for (const path of paths) found.push((await send(path)).status);
  return found;
};
const userKey = (request) => request.headers['x-user'];
const as = (user) => ({ headers: { 'x-user': user } });

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: an admitted request goes on with RateLimit headers, a denied one is answered 429 and problem+json`, async (t) => {
    const options = { policies: { burst: bucket(2) }, global: true };
    const { send } = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
    const admitted = await send('/a');
    assert.equal(admitted.status, 200);
    assert.equal(admitted.body, 'a');
    assert.equal(admitted.headers['ratelimit-policy'], '"burst";q=2;w=3600');
    assert.equal(admitted.headers.ratelimit, '"burst";r=1;t=1800');
    assert.equal(admitted.headers['retry-after'], undefined);

    await send('/a');
    const { status, headers, body } = await send('/a');
    assert.equal(status, 429);
    const type = platform === 'Express' && nest.version < '12' ? 'json' : 'problem+json';
    assert.equal(headers['content-type'], `application/${type}; charset=utf-8`);
    assert.equal(headers['ratelimit-policy'], '"burst";q=2;w=3600');
    assert.match(headers.ratelimit, /^"burst";r=0;t=\d+$/);
    assert.equal(headers['retry-after'], headers.ratelimit.match(/t=(\d+)/)[1]);
    assert.deepEqual(JSON.parse(body), {
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['burst'],
    });
  });

  test(`${platform}: headers: false sends none of the three`, async (t) => {
    const options = { policies: bucket(1), global: true, headers: false };
    const { send } = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
    await send('/a');
    const { status, headers } = await send('/a');
    assert.equal(status, 429);
    for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
      assert.equal(headers[name], undefined, name);
    }
  });

  test(`${platform}: where the rule for a failed store is 'deny', the answer is 503 and no quota is claimed`, async (t) => {
    const answer = denial({ source: 'deny', remaining: Number.NaN, retryAfterMs: 1000 });
    const options = { limiters: { default: scriptedLimiter(answer) }, global: true };
    const { send } = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
    const { status, headers, body } = await send('/a');
    assert.equal(status, 503);
    assert.equal(headers.ratelimit, undefined);
    assert.equal(headers['ratelimit-policy'], undefined);
    assert.equal(headers['retry-after'], '1');
    assert.match(JSON.parse(body).type, /#temporary-reduced-capacity$/);
  });

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

  test(`${platform}: a guard that overrides getKey, shouldSkip and throwDenied, with a constructor of its own`, async (t) => {
    class Tenants {
      of = (request) => `tenant:${request.headers['x-tenant']}`;
    }
    class TenantGuard extends SluiceGuard {
      constructor(tenants) {
        super();
        this.tenants = tenants;
      }
      async getKey(request) {
        return this.tenants.of(request);
      }
      async shouldSkip(context) {
        return context.switchToHttp().getRequest().headers['x-internal'] === 'yes';
      }
      throwDenied(_context, { policy }) {
        throw Object.assign(new RateLimitException(denial()), { message: policy });
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Tenants], TenantGuard);
    const messages = [];
    class Filter {
      catch(exception, host) {
        messages.push(exception.message);
        const response = host.switchToHttp().getResponse();
        response.status(418).send('teapot');
      }
    }
    Catch(RateLimitException)(Filter);
    const { send } = await start(
      t,
      adapter,
      { policies: { tenant: bucket(1) } },
      {
        controllers: [controller({ a: [UseFilters(new Filter())] })],
        providers: [Tenants, { provide: APP_GUARD, useClass: TenantGuard }],
      },
    );
    const of = (tenant, extra) => ({ headers: { 'x-tenant': tenant, ...extra } });
    assert.equal((await send('/a', of('t1'))).status, 200);
    assert.equal((await send('/a', of('t2'))).status, 200);
    const denied = await send('/a', of('t1'));
    assert.deepEqual([denied.status, denied.body], [418, 'teapot']);
    assert.match(denied.headers.ratelimit, /^"tenant";r=0/);
    assert.deepEqual(messages, ['tenant']);
    assert.equal((await send('/a', of('t1', { 'x-internal': 'yes' }))).status, 200);
  });

  test(`${platform}: an overridden throwDenied that returns lets nobody in`, async (t) => {
    class Lenient extends SluiceGuard {
      throwDenied() {}
    }
    const controllers = [controller({ a: [UseGuards(Lenient)] })];
    const { send } = await start(t, adapter, { policies: bucket(1) }, { controllers });
    assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
  });

  test(`${platform}: an exception filter sees a denial as an HttpException with a code and the decision`, async (t) => {
    const seen = [];
    class Filter {
      catch(exception, host) {
        seen.push(exception);
        host.switchToHttp().getResponse().status(exception.getStatus()).send({ mine: true });
      }
    }
    Catch()(Filter);
    const { send } = await start(
      t,
      adapter,
      { policies: bucket(1), global: true },
      {
        controllers: [controller({ a: [] })],
        configure: (app) => app.useGlobalFilters(new Filter()),
      },
    );
    await send('/a');
    const { status, body } = await send('/a');
    assert.deepEqual([status, JSON.parse(body)], [429, { mine: true }]);
    const [exception] = seen;
    assert.ok(exception instanceof RateLimitException);
    assert.equal(exception.code, 'ERR_SLUICE_DENIED');
    assert.equal(exception.getStatus(), 429);
    assert.equal(exception.decision.allowed, false);
    assert.match(exception.message, /quota has been exceeded/);
  });

  test(`${platform}: what a callback or the store fails with reaches the exception filters`, async (t) => {
    const failure = Object.assign(new Error('no store'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
    const codes = [];
    class Filter {
      catch(exception, host) {
        codes.push(exception.code ?? exception.message);
        host.switchToHttp().getResponse().status(500).send(exception.message);
      }
    }
    Catch()(Filter);
    const key = () => {
      throw new Error('key failed');
    };
    const controllers = [
      controller({
        failing: [RateLimit({ limiter: 'failing' })],
        key: [RateLimit({ key })],
        nokey: [RateLimit({ key: () => undefined })],
        nocost: [RateLimit({ cost: async () => undefined })],
        badcost: [RateLimit({ cost: () => ({ brust: 1 }) })],
      }),
    ];
    const limiters = { default: { policies: bucket(9) }, failing: scriptedLimiter(failure) };
    const { send } = await start(
      t,
      adapter,
      { limiters, global: true },
      { controllers, configure: (app) => app.useGlobalFilters(new Filter()) },
    );
    assert.equal((await send('/failing')).status, 500);
    assert.equal((await send('/key')).status, 500);
    const { body } = await send('/nokey');
    assert.match(body, /the key of Pages\.nokey must be a non-empty string .*got undefined/);
    assert.match(body, /a guard that authenticates has to come before SluiceGuard/);
    assert.match((await send('/nocost')).body, /the cost of Pages\.nocost must be a cost/);
    assert.match((await send('/badcost')).body, /brust/);
    assert.deepEqual(codes, [
      'ERR_SLUICE_STORE_UNAVAILABLE',
      'key failed',
      'ERR_SLUICE_KEY',
      'ERR_SLUICE_COST',
      'ERR_SLUICE_UNKNOWN_OPTION',
    ]);
  });

  test(`${platform}: a client that hung up before it was asked about is no error`, async (t) => {
    const seen = [];
    class Filter {
      catch(exception, host) {
        seen.push(exception.code);
        host.switchToHttp().getResponse().status(500).send('');
      }
    }
    Catch(TypeError)(Filter);
    const waiting = deferred();
    const answered = deferred();
    class Slow {
      async canActivate(context) {
        const request = context.switchToHttp().getRequest();
        const { socket } = request.raw ?? request;
        waiting.resolve();
        await once(socket, 'close');
        setImmediate(answered.resolve);
        return true;
      }
    }
    const { port } = await start(
      t,
      adapter,
      { policies: bucket(9) },
      {
        controllers: [controller({ a: [UseGuards(new Slow(), SluiceGuard)] })],
        configure: (app) => app.useGlobalFilters(new Filter()),
      },
    );
    const client = net.connect(port, '127.0.0.1');
    client.write('GET /a HTTP/1.1\r\nHost: test\r\n\r\n');
    await waiting.promise;
    client.destroy();
    await answered.promise;
    assert.deepEqual(seen, []);
  });

  test(`${platform}: a key that needs a user who is known only after the guard is warned of, once`, async (t) => {
    const warnings = collectWarnings(t);
    class Authenticate {
      canActivate(context) {
        context.switchToHttp().getRequest().user = { id: 'u1' };
        return true;
      }
    }
    const key = (request) => request.user?.id ?? request.ip;
    const late = [UseGuards(SluiceGuard, Authenticate)];
    const early = [UseGuards(Authenticate, SluiceGuard)];
    const { send } = await start(
      t,
      adapter,
      { policies: bucket(99), key },
      {
        controllers: [
          controller({
            late,
            early,
            anonymous: [UseGuards(SluiceGuard)],
            byAddress: [...late, RateLimit({ key: (request) => request.ip })],
          }),
        ],
      },
    );
    assert.deepEqual(
      await statuses(send, '/early', '/anonymous', '/byAddress', '/late', '/late'),
      [200, 200, 200, 200, 200],
    );
    for (let i = 0; warnings.length === 0 && i < 500; i++) await setTimeout(10);
    await send('/anonymous');
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['SLUICE_KEY_MISSING_USER'],
    );
    assert.match(warnings[0].message, /^the key of Pages\.late depends on request\.user/);
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

function deferred() {
  let resolve;
  const promise = new Promise((ready) => {
    resolve = ready;
  });
  return { promise, resolve };
}

function collectWarnings(t) {
  const warnings = [];
  const collect = (warning) => warning.name === 'SluiceWarning' && warnings.push(warning);
  process.on('warning', collect);
  t.after(() => process.off('warning', collect));
  return warnings;
}
