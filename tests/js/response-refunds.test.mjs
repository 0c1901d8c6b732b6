// skipFailedRequests and skipSuccessfulRequests: charges that the response gives back, under policies and stores.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';
import { createLimiter, fixedWindow, memory, redis, tokenBucket } from 'sluice';
import { MemoryStore, rateLimit } from 'sluice/express';
import { manualClock } from 'sluice/testing';
import { serve, settled, until } from '../support/express.mjs';
import { startRedis } from '../support/redis-server.mjs';

const day = (limit) => fixedWindow({ limit, window: '1d' });

/** A login that fails, or succeeds for the password 'right'; counts its runs. */
function login(middleware) {
  const runs = { count: 0 };
  const configure = (app) => {
    app.get('/login', middleware, async (req, res) => {
      runs.count++;
      await settled();
      res.status(req.get('x-password') === 'right' ? 200 : 401).json({});
    });
  };
  return { runs, configure };
}

const KINDS = {
  'a policy in memory': () => ({ policies: day(5) }),
  'a bucket in memory': () => ({ policies: tokenBucket({ capacity: 5, every: '10d' }) }),
  "express-rate-limit's options": () => ({ limit: 5, windowMs: 86_400_000 }),
  "express-rate-limit's options and its store": () => ({ limit: 5, store: new MemoryStore() }),
};

for (const [name, make] of Object.entries(KINDS)) {
  describe(`under ${name}`, () => {
    test('of 200 parallel failing logins at a limit of 5, 5 run', async (t) => {
      const { runs, configure } = login(rateLimit({ ...make(), skipSuccessfulRequests: true }));
      const server = await serve(t, configure);
      const answers = await Promise.all(Array.from({ length: 200 }, () => server.send('/login')));
      const statuses = answers.map(({ status }) => status);
      assert.equal(runs.count, 5);
      assert.equal(statuses.filter((status) => status === 401).length, 5);
      assert.equal(statuses.filter((status) => status === 429).length, 195);
    });

    test('successful logins are given back, one by one', async (t) => {
      const { runs, configure } = login(rateLimit({ ...make(), skipSuccessfulRequests: true }));
      const server = await serve(t, configure);
      const headers = { 'x-password': 'right' };
      for (let i = 0; i < 12; i++) {
        assert.equal((await server.send('/login', { headers })).status, 200);
        await settled();
      }
      for (let i = 0; i < 5; i++) assert.equal((await server.send('/login')).status, 401);
      assert.equal((await server.send('/login', { headers })).status, 429);
      assert.equal(runs.count, 17);
    });

    test('skipFailedRequests gives back failed requests, and those of clients that hung up', async (t) => {
      let aborted = 0;
      const server = await serve(t, (app) => {
        app.use(rateLimit({ ...make(), skipFailedRequests: true }));
        app.get('/fails', (_req, res) => res.status(500).json({}));
        app.get('/hangs', (_req, res) => res.once('close', () => aborted++));
        app.get('/works', (_req, res) => res.json({}));
      });
      for (let i = 0; i < 8; i++) {
        assert.equal((await server.send('/fails')).status, 500);
        await settled();
      }
      for (let i = 0; i < 8; i++) {
        const request = http.get({ port: server.port, host: '127.0.0.1', path: '/hangs' });
        request.on('error', () => {});
        await once(request, 'socket');
        await settled();
        request.destroy();
        await until(() => aborted === i + 1);
        await settled();
      }
      for (let i = 0; i < 5; i++) assert.equal((await server.send('/works')).status, 200);
      assert.equal((await server.send('/works')).status, 429);
    });
  });
}

test('over Redis, 5 of 200 parallel failing logins run, and successful ones are given back', async (t) => {
  const { url, stop } = await startRedis();
  t.after(stop);
  const options = {
    policies: day(5),
    store: redis(url),
    deadlineMs: 60_000,
    onStoreError: 'throw',
  };
  const limiter = createLimiter(options);
  t.after(() => limiter.close());
  const { runs, configure } = login(rateLimit({ limiter, skipSuccessfulRequests: true }));
  const server = await serve(t, configure);
  const headers = { 'x-password': 'right' };
  for (let i = 0; i < 8; i++) {
    assert.equal((await server.send('/login', { headers })).status, 200);
    await until(async () => (await limiter.peek('127.0.0.1')).remaining === 5);
  }
  runs.count = 0;
  await Promise.all(Array.from({ length: 200 }, () => server.send('/login')));
  assert.equal(runs.count, 5);
});

test('a refund is bound to its window: a later window keeps its count', async (t) => {
  const clock = manualClock();
  const policies = fixedWindow({ limit: 2, window: '1s' });
  const limiter = createLimiter({ policies, store: memory({ clock }) });
  const responses = [];
  const server = await serve(t, (app) => {
    app.use(rateLimit({ limiter, skipSuccessfulRequests: true }));
    app.get('/slow', (_req, res) => responses.push(res));
  });
  const first = server.send('/slow');
  await until(() => responses.length === 1);
  clock.advance('2s');
  const second = server.send('/slow');
  await until(() => responses.length === 2);
  responses[0].status(200).end();
  await first;
  await settled();
  assert.equal((await limiter.peek('127.0.0.1')).remaining, 1);
  responses[1].status(200).end();
  await second;
  await settled();
  assert.equal((await limiter.peek('127.0.0.1')).remaining, 2);
});

test('a refund gives back the cost of the request, under its plan', async (t) => {
  const plans = { free: { daily: day(10), burst: day(4) }, pro: { daily: day(20) } };
  const limiter = createLimiter({ plans });
  const server = await serve(t, (app) => {
    const cost = () => ({ daily: 3, burst: 2 });
    app.use(rateLimit({ limiter, plan: 'free', cost, skipFailedRequests: true }));
    app.get('/fails', (_req, res) => res.status(400).end());
  });
  await server.send('/fails');
  await settled();
  const { policies } = await limiter.peek('127.0.0.1', { plan: 'free' });
  assert.deepEqual(
    policies.map(({ remaining }) => remaining),
    [10, 4],
  );
});

test('after resetKey, the refund of an earlier request takes nothing from later ones', async (t) => {
  const responses = [];
  const limiter = rateLimit({ limit: 5, skipSuccessfulRequests: true });
  const server = await serve(t, (app) => {
    app.use(limiter);
    app.get('/slow', (_req, res) => responses.push(res));
  });
  const first = server.send('/slow');
  await until(() => responses.length === 1);
  limiter.resetKey('127.0.0.1');
  // The same millisecond would be the same window to a store that compares times.
  await settled();
  const second = server.send('/slow');
  await until(() => responses.length === 2);
  responses[0].end();
  await first;
  await settled();
  assert.equal((await limiter.getKey('127.0.0.1')).totalHits, 1);
  responses[1].end();
  await second;
});

test('a requestWasSuccessful that throws leaves requests counted, with one warning', async (t) => {
  const warnings = [];
  const collect = (warning) => warnings.push(warning);
  process.on('warning', collect);
  t.after(() => process.off('warning', collect));
  const limiter = createLimiter({ policies: day(5) });
  const server = await serve(t, (app) => {
    const requestWasSuccessful = () => {
      throw new Error('no such session');
    };
    app.use(rateLimit({ limiter, skipFailedRequests: true, requestWasSuccessful }));
  });
  assert.equal((await server.send('/')).status, 200);
  await until(() => warnings.length === 1);
  assert.equal(warnings[0].code, 'SLUICE_REQUEST_WAS_SUCCESSFUL');
  assert.match(warnings[0].message, /rateLimit.*stays counted: no such session/);
  assert.equal((await server.send('/')).status, 200);
  await settled();
  assert.equal(warnings.length, 1);
  assert.equal((await limiter.peek('127.0.0.1')).remaining, 3);
});
