// The Express middleware `reserve`: a reservation for each request, settled when its response has ended.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrency, createLimiter, fixedWindow, memory, redis } from 'sluice';
import { reserve } from 'sluice/express';
import { allowAll, denyAll } from 'sluice/testing';
import { serve } from '../support/express.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
let prefixes = 0;
const stores = {
  memory: () => ({ store: memory() }),
  Redis: () => ({ store: redis(server.url), prefix: `x${++prefixes}`, onStoreError: 'throw' }),
};
const policies = {
  tokens: fixedWindow({ limit: 1000, window: '90d' }),
  jobs: concurrency({ limit: 2, ttl: '1h' }),
};
const key = () => 'k';
const left = async (limiter) =>
  (await limiter.peek('k')).policies.map(({ remaining }) => remaining);

async function until(condition) {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await sleep(10);
  }
  assert.fail('in vain');
}

for (const [store, optionsOf] of Object.entries(stores)) {
  const make = (t) => {
    const limiter = createLimiter({ policies, ...optionsOf() });
    t.after(() => limiter.close());
    return limiter;
  };

  test(`it holds the estimate until the response has ended, and settles (${store})`, async (t) => {
    const limiter = make(t);
    let during;
    const { send } = await serve(t, (app) => {
      app.use(reserve({ limiter, key, estimate: { tokens: 600 }, settle: (req) => req.usage }));
      app.get('/ask', async (req, res) => {
        during = await left(limiter);
        assert.equal(req.reservation.allowed, true);
        assert.equal(req.rateLimit.limit, req.reservation.limit);
        req.usage = { tokens: 150 };
        res.json({ id: req.reservation.id });
      });
    });
    const { status, headers } = await send('/ask');
    assert.equal(status, 200);
    assert.match(headers['ratelimit-policy'], /"tokens"/);
    assert.deepEqual(during, [400, 1]);
    await until(async () => (await left(limiter))[0] === 850);
    assert.deepEqual(await left(limiter), [850, 2]);
  });

  test(`a denied request gets 429 with the policy that denied (${store})`, async (t) => {
    const limiter = make(t);
    const { send } = await serve(t, (app) => {
      app.use(reserve({ limiter, key, estimate: (req) => ({ tokens: Number(req.query.n) }) }));
    });
    const denied = await send('/?n=2000');
    assert.equal(denied.status, 429);
    assert.equal(denied.headers['content-type'], 'application/problem+json');
    assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['tokens']);
    assert.equal((await send('/?n=900')).status, 200);
    assert.equal((await send('/?n=x')).status, 503, 'an estimate that is no number');
    assert.deepEqual(await left(limiter), [100, 2]);
  });

  test(`a client that goes away is charged for the noted usage (${store})`, async (t) => {
    const limiter = make(t);
    const { port } = await serve(t, (app) => {
      app.use(reserve({ limiter, key, estimate: { tokens: 600 }, settle: () => 999 }));
      app.get('/stream', async (req, res) => {
        res.write('begin');
        await req.reservation.checkpoint({ tokens: 35 });
        req.on('close', () => {});
      });
    });
    const request = http.get({ port, path: '/stream', agent: false });
    const [response] = await once(request, 'response');
    await once(response, 'data');
    assert.deepEqual(await left(limiter), [400, 1]);
    await sleep(50);
    request.on('error', () => {});
    request.destroy();
    await until(async () => (await left(limiter))[1] === 2);
    assert.deepEqual(await left(limiter), [965, 2]);
  });

  test(`a long stream keeps its slot beyond the time to live (${store})`, async (t) => {
    const limiter = make(t);
    const { send } = await serve(t, (app) => {
      app.use(reserve({ limiter, key, estimate: 1, ttlMs: 200, onExpire: 'refund' }));
      app.get('/stream', async (_req, res) => {
        res.write('begin');
        await sleep(700);
        res.end(JSON.stringify(await left(limiter)));
      });
    });
    const { body } = await send('/stream');
    assert.equal(body, 'begin[999,1]');
    await until(async () => (await left(limiter))[1] === 2);
    assert.equal((await left(limiter))[0], 999);
  });

  test(`a detached reservation is the worker's (${store})`, async (t) => {
    const limiter = make(t);
    const { send } = await serve(t, (app) => {
      app.use(reserve({ limiter, key, estimate: { tokens: 600 }, settle: () => 0 }));
      app.post('/job', (req, res) => res.status(202).json({ id: req.reservation.detach() }));
    });
    const { body } = await send('/job', { method: 'POST' });
    await sleep(50);
    assert.deepEqual(await left(limiter), [400, 1]);
    const { ok } = await limiter.reservation(JSON.parse(body).id).settle({ tokens: 70 });
    assert.equal(ok, true);
    assert.deepEqual(await left(limiter), [930, 2]);
  });
}

test('a settle that fails, or gives no usage, leaves the estimate charged, with one warning', async (t) => {
  const limiter = createLimiter({ policies });
  const warnings = [];
  const note = (warning) => warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const results = [
    () => {
      throw new Error('no usage in the reply');
    },
    async () => Promise.reject(new Error('later')),
    () => ({ token: 5 }),
    () => undefined,
  ];
  const { send } = await serve(t, (app) => {
    app.use(reserve({ limiter, key, estimate: { tokens: 100 }, settle: () => results.shift()() }));
  });
  for (const remaining of [900, 800, 700, 600]) {
    assert.equal((await send()).status, 200);
    await until(async () => (await left(limiter))[1] === 2);
    assert.equal((await left(limiter))[0], remaining);
  }
  assert.equal(warnings.length, 1);
  assert.match(warnings[0].message, /^reserve: settle failed.*no usage in the reply/);
});

test('wrong options are named, and a limiter is needed', () => {
  const limiter = createLimiter({ policies });
  const make = (options) => () => reserve(options);
  for (const [options, code, message] of [
    [undefined, 'ERR_SLUICE_OPTIONS', /^reserve must be given/],
    [{}, 'ERR_SLUICE_OPTIONS', /^reserve\.limiter must be a limiter/],
    [{ limiter: {} }, 'ERR_SLUICE_OPTIONS', /^reserve\.limiter/],
    [{ limiter, cost: 5 }, 'ERR_SLUICE_UNKNOWN_OPTION', /'cost'/],
    [{ limiter, estimate: -1 }, 'ERR_SLUICE_COST', /^reserve\.estimate/],
    [{ limiter, estimate: { token: 1 } }, 'ERR_SLUICE_UNKNOWN_OPTION', /'token'/],
    [{ limiter, ttlMs: 0 }, 'ERR_SLUICE_OPTIONS', /ttlMs/],
    [{ limiter, onExpire: 'never' }, 'ERR_SLUICE_OPTIONS', /onExpire/],
    [{ limiter, settle: 5 }, 'ERR_SLUICE_OPTIONS', /^reserve\.settle must be a function/],
    [{ limiter, plan: 'pro' }, 'ERR_SLUICE_PLAN', /^reserve\.plan/],
  ]) {
    assert.throws(make(options), { code, message });
  }
});

test('skip, headers, plans and stubs work as for rateLimit', async (t) => {
  const plans = createLimiter({
    plans: {
      free: fixedWindow({ limit: 1, window: '1d' }),
      pro: fixedWindow({ limit: 5, window: '1d' }),
    },
  });
  const { send } = await serve(t, (app) => {
    app.use('/skip', reserve({ limiter: denyAll(), key, skip: () => true }));
    app.get('/skip', (req, res) => res.send(String(req.reservation)));
    app.use('/deny', reserve({ limiter: denyAll(), key }));
    app.use('/allow', reserve({ limiter: allowAll(), key }));
    app.get('/allow', (req, res) => res.send(String(req.reservation.allowed)));
    app.use(
      '/plan',
      reserve({ limiter: plans, key, plan: (req) => req.query.plan, headers: 'legacy' }),
    );
    app.get('/plan', (_req, res) => res.send('ok'));
  });
  assert.equal((await send('/skip')).body, 'undefined');
  assert.equal((await send('/deny')).status, 429);
  assert.equal((await send('/allow')).body, 'true');
  const { headers } = await send('/plan?plan=pro');
  assert.equal(headers['x-ratelimit-remaining'], '4');
});
