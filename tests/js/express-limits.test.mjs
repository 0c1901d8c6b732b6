// The Express middleware with real limiters, beyond http-answers.test.mjs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import express from 'express';
import express4 from 'express4';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { collectMessages } from '../support/collect.mjs';
import { serve } from '../support/express.mjs';
import { freePort } from '../support/ports.mjs';
import { startRedis } from '../support/redis-server.mjs';

const statuses = (answers) => answers.map(({ status }) => status);
const count = (answers, status) => statuses(answers).filter((s) => s === status).length;

/** One request after the other. */
async function inTurn(number, send) {
  const answers = [];
  for (let i = 0; i < number; i++) answers.push(await send());
  return answers;
}

for (const [name, makeApp] of [
  ['Express 5', express],
  ['Express 4', express4],
]) {
  test(`${name}: an async callback that fails reaches the application's error handler`, async (t) => {
    const failure = new Error('no session');
    const { send, errors } = await serve(
      t,
      (app) =>
        app.use(
          rateLimit({
            policies: tokenBucket({ capacity: 1, every: '1d' }),
            key: () => Promise.reject(failure),
            onRequestError: 'throw',
          }),
        ),
      { makeApp },
    );
    assert.equal((await send()).status, 500);
    assert.deepEqual(errors, [failure]);
  });
}

test('requests that arrive together are admitted up to the capacity, not one more', async (t) => {
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies: tokenBucket({ capacity: 20, every: '10d' }) })),
  );
  const answers = await Promise.all(Array.from({ length: 100 }, () => send()));
  assert.deepEqual([count(answers, 200), count(answers, 429)], [20, 80]);
});

test('a request may cost differently by policy', async (t) => {
  const { send } = await serve(t, (app) =>
    app.use(
      rateLimit({
        policies: {
          requests: tokenBucket({ capacity: 100, every: '10d' }),
          pages: tokenBucket({ capacity: 10, every: '10d' }),
        },
        cost: (req) => ({ pages: Number(req.query.pages) }),
      }),
    ),
  );
  assert.equal((await send('/?pages=8')).headers.ratelimit, '"pages";r=2;t=86400');
  assert.equal((await send('/?pages=3')).status, 429);
  assert.equal((await send('/?pages=2')).status, 200);

  const never = await send('/?pages=11');
  assert.equal(never.status, 429);
  assert.equal(never.headers['retry-after'], undefined);
  assert.equal(never.headers.ratelimit, '"pages";r=0');
});

test('a cost that is no whole number is no admission', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const { send, errors } = await serve(t, (app) =>
    app.use(
      rateLimit({
        policies: tokenBucket({ capacity: 10, every: '1d' }),
        cost: (req) => Number(req.query.n),
      }),
    ),
  );
  for (const n of ['-1', '1.5', 'x', '2147483648']) {
    assert.equal((await send(`/?n=${n}`)).status, 503, n);
    assert.equal(events.at(-1).error.code, 'ERR_SLUICE_COST', n);
  }
  assert.deepEqual(errors, []);
  assert.equal((await send('/?n=1')).headers.ratelimit, '"default";r=9;t=8640');
});

test('clients have a limit each, and an IPv6 client has one for its /56', async (t) => {
  const { send } = await serve(t, (app) =>
    app
      .set('trust proxy', 'loopback')
      .use(rateLimit({ policies: tokenBucket({ capacity: 1, every: '1d' }) })),
  );
  const from = async (ip) => (await send('/', { headers: { 'x-forwarded-for': ip } })).status;
  assert.equal(await from('203.0.113.1'), 200);
  assert.equal(await from('203.0.113.1'), 429);
  assert.equal(await from('::ffff:203.0.113.1'), 429);
  assert.equal(await from('203.0.113.2'), 200);
  assert.equal(await from('2001:db8:1:1::1'), 200);
  assert.equal(await from('2001:db8:1:ff:ffff::1'), 429);
  assert.equal(await from('2001:db8:1:100::1'), 200);
});

test('keys with any characters work and do not collide', async (t) => {
  const { send } = await serve(t, (app) =>
    app.use(
      rateLimit({
        policies: tokenBucket({ capacity: 1, every: '1d' }),
        key: (req) => decodeURIComponent(req.query.key),
      }),
    ),
  );
  for (const key of ['a b', 'a:b', '{a}b', 'a\nb', 'a\0b', 'ä', '漢', 'a'.repeat(4000)]) {
    const path = `/?key=${encodeURIComponent(encodeURIComponent(key))}`;
    assert.deepEqual(statuses(await inTurn(2, () => send(path))), [200, 429], JSON.stringify(key));
  }
});

test('one limiter behind several routes and applications is one limit, and can be reset', async (t) => {
  const limiter = createLimiter({ policies: tokenBucket({ capacity: 2, every: '1d' }) });
  const one = await serve(t, (app) => app.use(rateLimit({ limiter })));
  const two = await serve(t, (app) => app.get('/', rateLimit({ limiter })));
  assert.equal((await one.send()).status, 200);
  assert.equal((await two.send()).status, 200);
  assert.equal((await one.send()).status, 429);
  assert.equal((await two.send()).status, 429);
  await limiter.reset('127.0.0.1');
  assert.equal((await one.send()).status, 200);
});

test('rateLimit refuses the options that createLimiter refuses', () => {
  const policies = tokenBucket({ capacity: 1, every: '1s' });
  for (const [options, code] of [
    [{ prefix: 'p' }, 'ERR_SLUICE_POLICY'],
    [{ policies: {} }, 'ERR_SLUICE_POLICY'],
    [{ policies: { 'a"b': policies } }, 'ERR_SLUICE_POLICY_NAME'],
    [{ policies, store: {} }, 'ERR_SLUICE_OPTIONS'],
    [{ policies, onStoreError: 'pass' }, 'ERR_SLUICE_OPTIONS'],
    [{ policies, deadlineMs: -1 }, 'ERR_SLUICE_OPTIONS'],
  ]) {
    assert.throws(() => rateLimit(options), { code });
  }
});

describe('over Redis', () => {
  test('several servers share one limit', async (t) => {
    const { url, stop } = await startRedis();
    t.after(stop);
    const options = () => ({
      policies: tokenBucket({ capacity: 10, every: '10d' }),
      store: redis(url),
      onStoreError: 'throw',
      deadlineMs: 60_000,
    });
    const servers = [];
    for (let i = 0; i < 3; i++) {
      servers.push(await serve(t, (app) => app.use(rateLimit(options()))));
    }
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => servers[i % 3].send()));
    assert.deepEqual([count(answers, 200), count(answers, 429)], [10, 20]);
    const denied = answers.find(({ status }) => status === 429);
    assert.match(denied.headers.ratelimit, /^"default";r=0;t=86\d\d\d$/);
    assert.match(denied.headers['retry-after'], /^86\d\d\d$/);
  });

  test('without Redis the rule for a failed store answers', async (t) => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    for (const [onStoreError, expected] of [
      ['local', [200, 200, 429]],
      ['allow', [200, 200, 200]],
      ['deny', [503, 503, 503]],
      ['throw', [500, 500, 500]],
    ]) {
      const policies = tokenBucket({ capacity: 2, every: '10d' });
      const { send, errors } = await serve(t, (app) =>
        app.use(rateLimit({ policies, store: redis(url), onStoreError })),
      );
      const answers = await inTurn(3, send);
      assert.deepEqual(statuses(answers), expected, onStoreError);
      const known = onStoreError === 'local' ? '"default";q=2;w=864000' : undefined;
      assert.equal(answers[0].headers['ratelimit-policy'], known, onStoreError);
      if (onStoreError === 'deny') assert.equal(answers[0].headers['retry-after'], '1');
      if (onStoreError === 'throw') assert.equal(errors[0].code, 'ERR_SLUICE_STORE_UNAVAILABLE');
    }
  });
});
