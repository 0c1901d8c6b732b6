// The header fields of several limiters on one request, and Retry-After of slots and of mixed denials.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UseGuards } from '@nestjs/common';
import { concurrency, createLimiter, fixedWindow, memory, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceGuard } from 'sluice/nestjs';
import { manualClock } from 'sluice/testing';
import { parseList } from 'structured-headers';
import { formatsOf, writeFields } from '../../dist/http/fields.js';
import { withoutLaterT } from '../../dist/http/headers/draft-10.js';
import { retryAfterSeconds } from '../../dist/http/retry-after.js';
import { decision, denial, scriptedLimiter, serve } from '../support/express.mjs';
import { controller, platforms, start } from '../support/nestjs.mjs';

/** A list of String items with their parameters, as `[[name, { parameter: value }], ...]`. */
const read = (field) =>
  parseList(field).map(([name, parameters]) => [name, Object.fromEntries(parameters)]);

const hourly = (limit) => fixedWindow({ limit, window: '1h' });
const bucket = (capacity, every) => tokenBucket({ capacity, every });

test('limiters on an application and on a route each add their members', async (t) => {
  const clock = manualClock();
  const store = memory({ clock });
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ policies: { app: hourly(3) }, store }));
    app.get('/search', rateLimit({ policies: { search: bucket(100, '100s') }, store }), (_, res) =>
      res.send('found'),
    );
  });
  await send('/search');
  await send('/search');
  const { status, headers } = await send('/search');
  assert.equal(status, 200);
  assert.deepEqual(read(headers['ratelimit-policy']), [
    ['app', { q: 3, w: 3600 }],
    ['search', { q: 100, w: 100 }],
  ]);
  assert.deepEqual(read(headers.ratelimit), [
    ['app', { r: 0, t: 3600 }],
    ['search', { r: 97, t: 1 }],
  ]);
  assert.equal(headers['retry-after'], undefined);

  const denied = await send('/search'); // By the application's, so that the route's is not asked.
  assert.equal(denied.status, 429);
  assert.deepEqual(read(denied.headers.ratelimit), [['app', { r: 0, t: 3600 }]]);
  assert.equal(denied.headers['retry-after'], '3600');
});

test('beside a denial, a limiter that admitted says no t later than Retry-After', async (t) => {
  const store = memory({ clock: manualClock() });
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ policies: { app: hourly(9) }, store }));
    app.use(rateLimit({ policies: { second: bucket(9, '9s') }, store }));
    app.use(rateLimit({ policies: { search: bucket(1, '5s') }, store }));
  });
  await send();
  const { status, headers } = await send();
  assert.equal(status, 429);
  assert.equal(headers['retry-after'], '5');
  assert.deepEqual(read(headers.ratelimit), [
    ['app', { r: 7 }],
    ['second', { r: 7, t: 1 }],
    ['search', { r: 0, t: 5 }],
  ]);
});

test('limiters with policies of one name add a member each', async (t) => {
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ limiter: scriptedLimiter(decision({ remaining: 1 })) }));
    app.use(rateLimit({ limiter: scriptedLimiter(decision({ remaining: 5 })) }));
  });
  const { headers } = await send();
  assert.equal(headers.ratelimit, '"burst";r=1;t=1, "burst";r=5;t=1');
  assert.equal(headers['ratelimit-policy'], '"burst";q=20;w=2, "burst";q=20;w=2');
});

for (const others of ['"gateway";r=9;t=30', ['"gateway";r=9;t=30', '"edge";r=2']]) {
  test(`fields that somebody else has set stay: ${JSON.stringify(others)}`, async (t) => {
    const { send } = await serve(t, (app) => {
      app.use((_req, res, next) => {
        res.setHeader('RateLimit', others);
        res.setHeader('RateLimit-Policy', '"gateway";q=10;w=60');
        next();
      });
      app.use(rateLimit({ limiter: scriptedLimiter(decision()) }));
    });
    const { headers } = await send();
    assert.equal(headers.ratelimit, `${[others].flat().join(', ')}, "burst";r=13;t=1`);
    assert.equal(headers['ratelimit-policy'], '"gateway";q=10;w=60, "burst";q=20;w=2');
  });
}

/** The answer where several limiters deny one request, each with a handler that lets it go on. */
async function deniedBy(t, waits, before = (_req, _res, next) => next()) {
  const { send } = await serve(t, (app) => {
    app.use(before);
    for (const retryAfterMs of waits) {
      const limiter = scriptedLimiter(denial({ retryAfterMs }));
      app.use(rateLimit({ limiter, handler: (_req, _res, next) => next() }));
    }
  });
  return (await send()).headers;
}

test('of several denials, Retry-After is the longest wait', async (t) => {
  assert.equal((await deniedBy(t, [9000, 3000]))['retry-after'], '9');
  assert.equal((await deniedBy(t, [3000, 9000]))['retry-after'], '9');
});

test('where one of several denials is for ever, there is no Retry-After', async (t) => {
  assert.equal((await deniedBy(t, [Infinity, 3000]))['retry-after'], undefined);
  assert.equal((await deniedBy(t, [3000, Infinity]))['retry-after'], undefined);
});

test("a Retry-After of somebody else's stays if it is the longer one", async (t) => {
  const set = (value) => (_req, res, next) => {
    res.setHeader('Retry-After', value);
    next();
  };
  assert.equal((await deniedBy(t, [9000], set('3')))['retry-after'], '9');
  assert.equal((await deniedBy(t, [9000], set(30)))['retry-after'], '30');
  assert.equal((await deniedBy(t, [9000], set('soon')))['retry-after'], '9');
  assert.equal(
    (await deniedBy(t, [9000], set('Sun, 06 Nov 1994 08:49:37 GMT')))['retry-after'],
    '9',
  );
  const later = new Date(Date.now() + 3_600_000).toUTCString();
  const seconds = Number((await deniedBy(t, [9000], set(later)))['retry-after']);
  assert.ok(seconds > 9 && seconds <= 3600, String(seconds));
});

test('t is found beside strings that look like it, and only a later one goes', () => {
  assert.equal(
    withoutLaterT('"a;t=99";r=1;t=7, "b\\";t=9";r=0; t=3;pk=:AA==:, "c";t=8;r=1', 7),
    '"a;t=99";r=1;t=7, "b\\";t=9";r=0; t=3;pk=:AA==:, "c";r=1',
  );
});

const slots = (limit, ttl = '2m') => concurrency({ limit, ttl });

test("a denial for want of a slot says Retry-After 1, not the slot's ttl, and no t", async (t) => {
  const limiter = createLimiter({ policies: slots(1) });
  await limiter.check('k');
  const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, key: () => 'k' })));
  const { status, headers } = await send();
  assert.equal(status, 429);
  assert.equal(headers['retry-after'], '1');
  assert.equal(headers.ratelimit, '"default";r=0');
});

/** Retry-After of the first denial by these policies; every call costs 1 and the slots are kept. */
async function firstDenial(policies, options, { prepare = async () => {}, cost = 1 } = {}) {
  const limiter = createLimiter({ policies, store: memory({ clock: manualClock() }) });
  await prepare(limiter);
  for (;;) {
    const decision = limiter.checkSync('k', { cost });
    if (!decision.allowed) return retryAfterSeconds(decision, limiter.policies, options);
  }
}

test('slotRetryAfter says how long to wait for a slot', async () => {
  assert.equal(await firstDenial(slots(1), { slotRetryAfter: 15 }), 15);
});

test('Retry-After of a denial by a slot and a bucket is the longer wait, without the ttl', async () => {
  const prepare = async (limiter) => limiter.checkSync('k');
  const policies = { slots: slots(1), rate: bucket(1, '20s') };
  assert.equal(await firstDenial(policies, {}, { prepare }), 20);
  assert.equal(await firstDenial(policies, { slotRetryAfter: 30 }, { prepare }), 30);
});

test('a block is waited for, also under a concurrency policy: its end is known', async () => {
  const prepare = (limiter) => limiter.block('k', '1h');
  assert.equal(await firstDenial(slots(1), {}, { prepare }), 3600);
});

test("a denial by onStoreError: 'deny' has no wait for a slot", () => {
  const answer = denial({ source: 'deny', remaining: NaN, retryAfterMs: 1000 });
  assert.equal(retryAfterSeconds(answer, { burst: slots(1) }, { slotRetryAfter: 30 }), 1);
});

test('a shadow that would deny longer does not count', async () => {
  const policies = {
    shadow: fixedWindow({ limit: 1, window: '1d', enforce: false }),
    rate: bucket(2, '20s'),
  };
  assert.equal(await firstDenial(policies, {}), 10);
});

test('a cost that can never be admitted has no Retry-After, whatever else denied', async (t) => {
  const policies = { slots: slots(1), rate: bucket(5, '5s') };
  assert.equal(await firstDenial(policies, {}, { cost: 6 }), Infinity);
  const { send } = await serve(t, (app) => app.use(rateLimit({ policies, cost: 6 })));
  const { status, headers } = await send();
  assert.equal(status, 429);
  assert.equal(headers['retry-after'], undefined);
});

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`NestJS on ${platform}: two guards and a middleware each add their members`, async (t) => {
    const clock = manualClock();
    const store = memory({ clock });
    class RouteGuard extends SluiceGuard {}
    const limiters = {
      default: { policies: { app: hourly(9) } },
      search: { policies: { search: bucket(2, '10s') } },
    };
    const outer = rateLimit({ policies: { outer: bucket(50, '50s') }, store, key: () => 'k' });
    const { send } = await start(
      t,
      adapter,
      { limiters, store, global: true },
      {
        controllers: [
          controller({
            page: [UseGuards(RouteGuard)],
            search: [RateLimit({ limiter: 'search' }), UseGuards(RouteGuard)],
          }),
        ],
        configure: (app) => app.use(outer),
      },
    );
    const page = await send('/page');
    assert.deepEqual(read(page.headers.ratelimit), [
      ['outer', { r: 49, t: 1 }],
      ['app', { r: 8, t: 3600 }],
      ['app', { r: 7, t: 3600 }],
    ]);
    assert.deepEqual(
      read(page.headers['ratelimit-policy']).map(([name]) => name),
      ['outer', 'app', 'app'],
    );
    await send('/search');
    const denied = await send('/search');
    assert.equal(denied.status, 429);
    assert.equal(denied.headers['retry-after'], '5');
    assert.deepEqual(read(denied.headers.ratelimit), [
      ['outer', { r: 47, t: 1 }],
      ['search', { r: 0, t: 5 }],
    ]);
  });
}

test('policies whose names objects inherit say their numbers', async (t) => {
  const names = ['__proto__', 'constructor', 'toString'];
  for (const name of names) {
    for (const more of [{}, { limits: JSON.parse(`{"${name}":3}`) }]) {
      const policies = Object.fromEntries([[name, hourly(5)]]);
      const limit = more.limits === undefined ? 5 : 3;
      for (const options of [more, { ...more, limits: () => more.limits }]) {
        const { send } = await serve(t, (app) => app.use(rateLimit({ policies, ...options })));
        const { headers } = await send();
        assert.equal(headers['ratelimit-policy'], `"${name}";q=${limit};w=3600`);
        assert.equal(headers.ratelimit, `"${name}";r=${limit - 1};t=3600`);
      }
    }
  }
});

test('the fields of a denial alone are not parsed', () => {
  const written = {};
  const read = [];
  const fields = {
    getHeader: (name) => {
      read.push(name);
      return written[name];
    },
    setHeader: (name, value) => {
      written[name] = value;
    },
  };
  const told = { policies: {}, policyField: '"burst";q=20;w=2', enforces: true };
  writeFields({}, fields, denial(), told, { formats: formatsOf({}), retryAfter: {} });
  assert.deepEqual(written, {
    'RateLimit-Policy': '"burst";q=20;w=2',
    RateLimit: '"burst";r=0;t=2',
    'Retry-After': '2',
  });
  assert.deepEqual(read, ['RateLimit-Policy', 'RateLimit', 'Retry-After']);
});
