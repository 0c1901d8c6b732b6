// The NestJS guard, overridden, denying and failing, for subclasses, exception filters and operators.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Catch, UseFilters, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { tokenBucket } from 'sluice';
import { RateLimit, RateLimitException, SluiceGuard } from 'sluice/nestjs';
import { collectWarnings } from '../support/collect.mjs';
import { denial, scriptedLimiter } from '../support/express.mjs';
import { controller, platforms, start, statuses } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });

for (const [platform, adapter] of Object.entries(platforms)) {
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

  test(`${platform}: an overridden throwDenied that returns admits no request`, async (t) => {
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

  test(`${platform}: under onRequestError: 'throw', what a callback or the store fails with reaches the exception filters`, async (t) => {
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
      { limiters, global: true, onRequestError: 'throw' },
      { controllers, configure: (app) => app.useGlobalFilters(new Filter()) },
    );
    assert.equal((await send('/failing')).status, 500);
    assert.equal((await send('/key')).status, 500);
    const { body } = await send('/nokey');
    assert.match(body, /^Pages\.nokey: key must be a string that is not empty; got undefined/);
    assert.match(body, /a guard that authenticates has to come before SluiceGuard/);
    assert.match(
      (await send('/nocost')).body,
      /^Pages\.nocost: cost must be a whole number, or one for each policy; got undefined/,
    );
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

  test(`${platform}: a key that needs a user set after the guard causes one warning`, async (t) => {
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

function deferred() {
  let resolve;
  const promise = new Promise((ready) => {
    resolve = ready;
  });
  return { promise, resolve };
}

test('a denial costs no stack trace', async (t) => {
  const { send } = await start(
    t,
    platforms.Express,
    { policies: bucket(1), global: true },
    { controllers: [controller({ page: [] })] },
  );
  const made = [];
  const before = Error.prepareStackTrace;
  t.after(() => {
    Error.prepareStackTrace = before;
  });
  Error.prepareStackTrace = (error) => {
    made.push(error);
    return String(error);
  };
  assert.deepEqual(await statuses(send, '/page', '/page'), [200, 429]);
  assert.deepEqual(
    made.filter((error) => error instanceof RateLimitException),
    [],
  );
});
