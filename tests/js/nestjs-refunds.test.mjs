// skipFailedRequests, skipSuccessfulRequests and requestWasSuccessful of the NestJS module and its decorator.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { HttpException, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { getLimiterToken, RateLimit, SluiceModule } from 'sluice/nestjs';
import { settled, until } from '../support/express.mjs';
import {
  controller,
  handlerOf,
  platforms,
  start,
  startExternal,
  statuses,
} from '../support/nestjs.mjs';
import { startRedis } from '../support/redis-server.mjs';

const day = (limit) => fixedWindow({ limit, window: '1d' });
const key = () => 'one';

/** A controller whose `login` fails, or succeeds for the password 'right'; counts its runs. */
function login(...decorators) {
  const runs = { count: 0 };
  class Authenticates {
    // A guard of the handler, so after the global one. It sees the request.
    async canActivate(context) {
      runs.count++;
      await settled();
      if (context.switchToHttp().getRequest().headers['x-password'] === 'right') return true;
      throw new HttpException('wrong password', 401);
    }
  }
  const Pages = controller({ login: [UseGuards(new Authenticates()), ...decorators] });
  return { runs, controllers: [Pages] };
}

const right = { headers: { 'x-password': 'right' } };
const ofFailures = { skipSuccessfulRequests: true };

const PLACES = {
  'the module': () => [{ policies: day(5), ...ofFailures }],
  'a decorator': () => [{ policies: day(1000) }, RateLimit({ policies: day(5), ...ofFailures })],
  'a bucket in the module': () => [
    { policies: tokenBucket({ capacity: 5, every: '10d' }), ...ofFailures },
  ],
};

for (const [platform, adapter] of Object.entries(platforms)) {
  for (const [place, make] of Object.entries(PLACES)) {
    test(`${platform}, by ${place}: of 200 parallel failing logins at a limit of 5, 5 run`, async (t) => {
      const [options, ...decorators] = make();
      const { runs, controllers } = login(...decorators);
      const { send } = await start(t, adapter, { guard: true, ...options }, { controllers });
      const answers = await Promise.all(Array.from({ length: 200 }, () => send('/login')));
      const count = (wanted) => answers.filter(({ status }) => status === wanted).length;
      assert.deepEqual([runs.count, count(401), count(429)], [5, 5, 195]);
    });

    test(`${platform}, by ${place}: successful logins are given back, one by one`, async (t) => {
      const [options, ...decorators] = make();
      const { runs, controllers } = login(...decorators);
      const { send } = await start(t, adapter, { guard: true, ...options }, { controllers });
      for (let i = 0; i < 12; i++) {
        assert.equal((await send('/login', right)).status, 200);
        await settled();
      }
      assert.deepEqual(await statuses(send, ...Array(6).fill('/login')), [
        ...Array(5).fill(401),
        429,
      ]);
      assert.equal(runs.count, 17);
    });
  }

  test(`${platform}: over Redis, 5 of 200 parallel failing logins run`, async (t) => {
    const { url, stop } = await startRedis();
    t.after(stop);
    const limiter = createLimiter({
      policies: day(5),
      store: redis(url),
      deadlineMs: 60_000,
      onStoreError: 'throw',
    });
    t.after(() => limiter.close());
    const { runs, controllers } = login();
    const options = { limiters: { default: limiter }, key, guard: true, ...ofFailures };
    const { send } = await start(t, adapter, options, { controllers });
    for (let i = 0; i < 6; i++) {
      assert.equal((await send('/login', right)).status, 200);
      await until(async () => (await limiter.peek('one')).remaining === 5);
    }
    runs.count = 0;
    await Promise.all(Array.from({ length: 200 }, () => send('/login')));
    assert.equal(runs.count, 5);
  });

  test(`${platform}: skipFailedRequests gives back failures of handlers, and of clients that hung up`, async (t) => {
    const limiter = createLimiter({ policies: day(3) });
    t.after(() => limiter.close());
    const Pages = controller({ works: [], fails: [], hangs: [] });
    let begun = 0;
    handlerOf(Pages, 'fails', () => {
      throw new Error('broken');
    });
    handlerOf(Pages, 'hangs', () => {
      begun++;
      return new Promise(() => {});
    });
    const options = {
      limiters: { default: limiter },
      key,
      guard: true,
      skipFailedRequests: true,
    };
    const { send, port } = await start(t, adapter, options, { controllers: [Pages] });
    const isFull = async () => (await limiter.peek('one')).remaining === 3;
    for (let i = 0; i < 5; i++) {
      assert.equal((await send('/fails')).status, 500);
      await until(isFull);
    }
    for (let i = 0; i < 5; i++) {
      const request = http.get({ port, host: '127.0.0.1', path: '/hangs', agent: false });
      request.on('error', () => {});
      await until(() => begun === i + 1);
      assert.equal((await limiter.peek('one')).remaining, 2);
      request.destroy();
      await until(isFull);
    }
    assert.deepEqual(await statuses(send, ...Array(4).fill('/works')), [200, 200, 200, 429]);
  });

  test(`${platform}: requestWasSuccessful judges by the request and the context`, async (t) => {
    const limiter = createLimiter({ policies: day(5) });
    t.after(() => limiter.close());
    const judged = [];
    const requestWasSuccessful = async (request, context) => {
      const { statusCode } = context.switchToHttp().getResponse();
      judged.push([request.headers['x-judge'], statusCode, context.getHandler().name]);
      return request.headers['x-judge'] === 'good';
    };
    const options = { limiters: { default: limiter }, key, guard: true };
    const { send } = await start(
      t,
      adapter,
      { ...options, ...ofFailures, requestWasSuccessful },
      { controllers: [controller({ a: [] })] },
    );
    await send('/a', { headers: { 'x-judge': 'bad' } });
    await send('/a', { headers: { 'x-judge': 'good' } });
    await settled();
    assert.deepEqual(judged, [
      ['bad', 200, 'a'],
      ['good', 200, 'a'],
    ]);
    assert.equal((await limiter.peek('one')).remaining, 4);
  });

  test(`${platform}: a decorator's options have precedence over the module's`, async (t) => {
    const limiter = createLimiter({ policies: day(9) });
    t.after(() => limiter.close());
    const counted = RateLimit({ skipSuccessfulRequests: false });
    const failed = RateLimit({ requestWasSuccessful: () => false });
    const Pages = controller({ free: [], counted: [counted], failed: [failed] });
    const options = { limiters: { default: limiter }, key, guard: true, ...ofFailures };
    const { send } = await start(t, adapter, options, { controllers: [Pages] });
    for (const [path, remaining] of [
      ['/free', 9],
      ['/counted', 8],
      ['/failed', 7],
      ['/free', 7],
    ]) {
      assert.equal((await send(path)).status, 200);
      await settled();
      assert.equal((await limiter.peek('one')).remaining, remaining, path);
    }
  });
}

test('a call without a response stays counted', async (t) => {
  const limiter = createLimiter({ policies: day(2) });
  t.after(() => limiter.close());
  const call = await startExternal(
    t,
    { limiters: { default: limiter }, ...ofFailures, skipFailedRequests: true },
    { job: [RateLimit({ key })] },
  );
  assert.equal(await call('job', 'queue', {}), 'done');
  await settled();
  assert.equal((await limiter.peek('one')).remaining, 1);
});

test('a replacement that wraps a limiter gets its credit', async (t) => {
  const limiter = createLimiter({ policies: day(5) });
  t.after(() => limiter.close());
  const { policies, plans, policyNames } = limiter;
  const wrapper = {
    policies,
    plans,
    policyNames,
    check: (...args) => limiter.check(...args),
    credit: (...args) => limiter.credit(...args),
  };
  const module = SluiceModule.forRoot({ policies: day(1), key, guard: true, ...ofFailures });
  const compiled = await Test.createTestingModule({
    imports: [module],
    controllers: [controller({ a: [] })],
  })
    .overrideProvider(getLimiterToken())
    .useValue(wrapper)
    .compile();
  const app = compiled.createNestApplication();
  await app.listen(0, '127.0.0.1');
  t.after(() => app.close());
  await (await fetch(`${await app.getUrl()}/a`)).text();
  await until(async () => (await limiter.peek('one')).remaining === 5);
});

test('wrong values are refused by name', () => {
  for (const [options, name] of [
    [{ skipFailedRequests: 'yes' }, 'skipFailedRequests'],
    [{ skipSuccessfulRequests: 1 }, 'skipSuccessfulRequests'],
    [{ requestWasSuccessful: true }, 'requestWasSuccessful'],
  ]) {
    const of = (where) => ({ code: 'ERR_SLUICE_OPTIONS', message: new RegExp(`${where}.${name}`) });
    assert.throws(() => SluiceModule.forRoot({ policies: day(1), ...options }), of('forRoot'));
    assert.throws(() => RateLimit(options), of('@RateLimit'));
  }
});
