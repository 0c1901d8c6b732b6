// The answers to admitted and denied requests under every framework: status, header fields and body.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { memory, tokenBucket } from 'sluice';
import { manualClock } from 'sluice/testing';
import { decision, denial, scriptedLimiter } from '../support/express.mjs';
import { frameworks } from '../support/frameworks.mjs';

const nest = createRequire(import.meta.url)('@nestjs/core/package.json');
const problems = 'https://iana.org/assignments/http-problem-types';
const exceeded = {
  type: `${problems}#quota-exceeded`,
  title: 'Request cannot be satisfied as assigned quota has been exceeded',
  status: 429,
  'violated-policies': ['burst'],
};
const reduced = {
  type: `${problems}#temporary-reduced-capacity`,
  title: 'Request cannot be satisfied due to temporary server capacity constraints',
  status: 503,
};
const quota = '"burst";q=20;w=2';
const unknown = { remaining: Number.NaN };

/** By name: the decision, the fields RateLimit-Policy, RateLimit and Retry-After, the body, and options of the guard. */
const ANSWERS = {
  'an admission': [decision(), [quota, '"burst";r=13;t=1', undefined], 'hello'],
  'a denial': [denial(), [quota, '"burst";r=0;t=2', '2'], exceeded],
  'a denial for ever': [
    denial({ retryAfterMs: Infinity, remaining: 20 }),
    [quota, '"burst";r=20', undefined],
    exceeded,
  ],
  "a denial by onStoreError: 'deny'": [
    denial({ source: 'deny', retryAfterMs: 1000, ...unknown }),
    [undefined, undefined, '1'],
    reduced,
  ],
  "an admission by onStoreError: 'allow'": [
    decision({ source: 'allow', ...unknown }),
    [undefined, undefined, undefined],
    'hello',
  ],
  'an admission under headers: false': [
    decision(),
    [undefined, undefined, undefined],
    'hello',
    { headers: false },
  ],
  'a denial under headers: false': [
    denial(),
    [undefined, undefined, '2'],
    exceeded,
    { headers: false },
  ],
};

const fields = ({ headers }) =>
  ['ratelimit-policy', 'ratelimit', 'retry-after'].map((name) => headers[name]);

for (const [framework, guarded] of frameworks) {
  // NestJS 11 on Express does not keep the type of a problem.
  const type = framework === 'NestJS on Express' && nest.version < '12' ? 'json' : 'problem+json';

  for (const [name, [answer, expected, body, options]] of Object.entries(ANSWERS)) {
    for (const synchronous of [true, false]) {
      const store = synchronous ? 'memory' : 'Redis';
      test(`${framework}, ${store}: the response to ${name}`, async (t) => {
        const limiter = scriptedLimiter(answer, { synchronous });
        const { send } = await guarded(t, { limiter, ...options });
        const response = await send();
        assert.equal(response.status, body.status ?? 200);
        assert.deepEqual(fields(response), expected);
        if (answer.allowed) {
          assert.equal(response.body, body);
          return;
        }
        assert.deepEqual(JSON.parse(response.body), body);
        const [given] = response.headers['content-type'].split(';');
        assert.equal(given, `application/${type}`);
        const length = String(Buffer.byteLength(response.body));
        assert.equal(response.headers['content-length'], length);
      });
    }
  }

  test(`${framework}: a client is admitted up to the capacity, and again after Retry-After`, async (t) => {
    const clock = manualClock();
    const policies = tokenBucket({ capacity: 3, refill: 1, every: '2s' });
    const { send } = await guarded(t, { policies, store: memory({ clock }) });
    for (const [status, limit] of [
      [200, '"default";r=2;t=2'],
      [200, '"default";r=1;t=2'],
      [200, '"default";r=0;t=2'],
      [429, '"default";r=0;t=2'],
    ]) {
      const response = await send();
      assert.equal(response.status, status);
      assert.deepEqual(fields(response).slice(0, 2), ['"default";q=3;w=6', limit]);
    }
    const wait = Number((await send()).headers['retry-after']) * 1000;
    clock.advance(wait - 0.001);
    assert.equal((await send()).status, 429);
    clock.advance(0.001);
    assert.equal((await send()).status, 200);
  });

  test(`${framework}: the fields name all policies, and the one that binds`, async (t) => {
    const clock = manualClock();
    const policies = {
      burst: tokenBucket({ capacity: 2, every: '1s' }),
      daily: tokenBucket({ capacity: 3, every: '1d' }),
    };
    const { send } = await guarded(t, { policies, store: memory({ clock }) });
    const all = '"burst";q=2;w=1, "daily";q=3;w=86400';
    assert.deepEqual(fields(await send()), [all, '"burst";r=1;t=1', undefined]);
    assert.equal((await send()).status, 200);
    const denied = await send();
    assert.deepEqual(fields(denied), [all, '"burst";r=0;t=1', '1']);
    assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['burst']);
    clock.advance('1s');
    // The denial by 'burst' charged 'daily' nothing: one unit of its 3 is left.
    assert.equal((await send()).status, 200);
    const byDaily = await send();
    assert.match(byDaily.headers.ratelimit, /^"daily";r=0;t=287\d\d$/);
    assert.deepEqual(JSON.parse(byDaily.body)['violated-policies'], ['daily']);
  });

  for (const [kind, later] of [
    ['at once', (value) => value],
    ['later', async (value) => value],
  ]) {
    test(`${framework}: the limiter gets the key and cost that functions return ${kind}`, async (t) => {
      const limiter = scriptedLimiter(decision());
      const key = ({ headers }) => later(`tenant:${headers['x-tenant']}`);
      const cost = ({ headers }) => later({ burst: Number(headers['x-n']) });
      const { send } = await guarded(t, { limiter, key, cost });
      assert.equal((await send({ 'x-tenant': 't7', 'x-n': '3' })).status, 200);
      assert.deepEqual(limiter.asked, [{ key: 'tenant:t7', cost: { burst: 3 } }]);
    });
  }

  test(`${framework}: a denial by a full concurrency policy says the seconds of slotRetryAfter`, async (t) => {
    const slot = { policy: 'slots', allowed: false, limit: 1, remaining: 0, resetAfterMs: 9000 };
    const limiter = scriptedLimiter(decision({ ...slot, retryAfterMs: 9000 }));
    limiter.policies = { slots: { algorithm: 'concurrency', limit: 1, windowMs: 10_000 } };
    for (const [options, seconds] of [
      [{}, '1'],
      [{ slotRetryAfter: 7 }, '7'],
    ]) {
      const { send } = await guarded(t, { limiter, ...options });
      const field = '"slots";q=1;qu="concurrent-requests"';
      assert.deepEqual(fields(await send()), [field, '"slots";r=0', seconds]);
    }
  });
}
