// Sluice's own options and values of the Express middleware: keyFallback, the route in errors, req.rateLimit.decision.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, duration, fixedWindow, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { collectMessages } from '../support/collect.mjs';
import { decision, scriptedLimiter, serve } from '../support/express.mjs';

for (const [kind, later] of [
  ['at once', (value) => value],
  ['later', async (value) => value],
]) {
  test(`keyFallback: 'ip' counts a request whose key is undefined, ${kind}, by its address`, async (t) => {
    const limiter = scriptedLimiter(decision());
    const key = (req) => later(req.get('x-user'));
    const { send } = await serve(t, (app) =>
      app.use(rateLimit({ limiter, key, keyFallback: 'ip' })),
    );
    await send();
    await send('/', { headers: { 'x-user': 'u1' } });
    assert.deepEqual(
      limiter.asked.map(({ key }) => key),
      ['127.0.0.1', 'u1'],
    );
  });
}

test('without keyFallback a key of undefined is denied, and its event names the route', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const limiter = scriptedLimiter(decision());
  const guard = rateLimit({ limiter, key: () => undefined });
  const { send } = await serve(t, (app) => app.get('/users/:id', guard));
  assert.equal((await send('/users/7?token=secret')).status, 503);
  const [{ option, route, detail, error }] = events;
  assert.deepEqual([option, route, error.code], ['key', 'GET /users/:id', 'ERR_SLUICE_KEY']);
  assert.match(detail, /^rateLimit: key must be .*\(GET \/users\/:id\).*keyFallback: 'ip'/);
  assert.equal(error.message, detail);
  assert.deepEqual(limiter.asked, []);
});

test('a wrong key, cost and plan of a request name its path, cut and printable, without the query', async (t) => {
  const policies = fixedWindow({ limit: 5, window: '1m' });
  for (const options of [
    { policies, key: () => 5 },
    { policies, cost: () => undefined },
    { policies, cost: async () => Number.NaN },
    { plans: { free: policies }, plan: () => 'por' },
  ]) {
    const guard = rateLimit({ ...options, onRequestError: 'throw' });
    const { send, errors } = await serve(t, (app) => app.use('/api', guard));
    await send('/api/pages?token=secret', { method: 'POST' });
    await send(`/api/${'a'.repeat(2000)}`);
    assert.match(errors[0].message, /\(POST \/api\/pages\)/);
    assert.doesNotMatch(errors[0].message, /secret/);
    assert.ok(errors[1].message.length < 500, errors[1].message);
  }
});

test("a keyFallback other than 'ip', one without a key, and one beside parts are refused", () => {
  const policies = fixedWindow({ limit: 5, window: '1m' });
  const byUser = fixedWindow({ limit: 5, window: '1m', by: 'user' });
  const key = () => 'k';
  for (const [options, code] of [
    [{ policies, key, keyFallback: 'address' }, 'ERR_SLUICE_OPTIONS'],
    [{ policies, keyFallback: 'ip' }, 'ERR_SLUICE_OPTIONS'],
    [{ policies: byUser, key, keyFallback: 'ip' }, 'ERR_SLUICE_KEY'],
  ]) {
    assert.throws(() => rateLimit(options), { code, message: /^rateLimit\.keyFallback/ });
  }
});

test('req.rateLimit.decision gives the charge of a request back', async (t) => {
  const limiter = createLimiter({ policies: tokenBucket({ capacity: 2, every: '1d' }) });
  const { send } = await serve(t, (app) => {
    app.use(rateLimit({ limiter, key: () => 'k' }));
    app.get('/free', async (req, res) => {
      await limiter.credit('k', 1, { of: req.rateLimit.decision });
      res.json({ ...req.rateLimit });
    });
  });
  const { body } = await send('/free');
  assert.deepEqual(Object.keys(JSON.parse(body)), [
    'limit',
    'used',
    'remaining',
    'resetTime',
    'key',
  ]);
  assert.equal((await limiter.peek('k')).remaining, 2);
});

test('a handler that sets no status answers 429', async (t) => {
  const limiter = scriptedLimiter(decision({ allowed: false, retryAfterMs: 1000 }));
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ limiter, handler: (_req, res) => res.send('slow down') })),
  );
  const { status, body } = await send();
  assert.deepEqual([status, body], [429, 'slow down']);
});

const problem = 'https://iana.org/assignments/http-problem-types';

test('a denial by a policy with blockFor is abnormal usage; one that can never be admitted is not', async (t) => {
  const policies = {
    burst: fixedWindow({ limit: 1, window: '1m', blockFor: '1h' }),
    daily: fixedWindow({ limit: 3, window: '1d' }),
  };
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ policies, cost: (req) => Number(req.get('x-cost') ?? 1) })),
  );
  const never = JSON.parse((await send('/', { headers: { 'x-cost': '2' } })).body);
  assert.equal(never.type, `${problem}#quota-exceeded`);
  assert.equal((await send()).status, 200);
  for (let i = 0; i < 2; i++) {
    const { status, headers, body } = await send();
    assert.equal(status, 429);
    assert.equal(headers['retry-after'], '3600');
    assert.deepEqual(JSON.parse(body), {
      type: `${problem}#abnormal-usage-detected`,
      title: 'Request not satisfied due to detection of abnormal request pattern',
      status: 429,
      'violated-policies': ['burst'],
    });
  }
});

test('a block by a shadow does not make a denial abnormal usage', async (t) => {
  const policies = {
    shadow: fixedWindow({ limit: 1, window: '1m', blockFor: '1h', enforce: false }),
    real: fixedWindow({ limit: 1, window: '1m' }),
  };
  const { send } = await serve(t, (app) => app.use(rateLimit({ policies })));
  await send();
  assert.equal(JSON.parse((await send()).body).type, `${problem}#quota-exceeded`);
});

test('duration() reads text from the environment into milliseconds', () => {
  assert.equal(duration('250ms'), 250);
  assert.equal(duration('1.5m'), 90_000);
  assert.equal(duration(10), 10);
  assert.equal(fixedWindow({ limit: 1, window: duration('2h') }).windowMs, 7_200_000);
  for (const wrong of ['', '10', '1 m', '1w', undefined, null, {}]) {
    assert.throws(() => duration(wrong), {
      code: 'ERR_SLUICE_DURATION',
      message: /^duration must/,
    });
  }
  assert.throws(() => duration('0s'), { name: 'RangeError', code: 'ERR_SLUICE_DURATION' });
});
