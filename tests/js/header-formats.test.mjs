// The header fields of every format, read back: lists by a structured-field parser (RFC 9651), single numbers by
// ratelimit-header-parser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRateLimit } from 'ratelimit-header-parser';
import { concurrency, createLimiter, fixedWindow, memory, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { manualClock } from 'sluice/testing';
import { parseDictionary, parseList } from 'structured-headers';
import { draft6Values } from '../../dist/http/headers/draft-6.js';
import { draft7LimitField, draft7PolicyField } from '../../dist/http/headers/draft-7.js';
import { draft8LimitField } from '../../dist/http/headers/draft-8.js';
import { legacyValues } from '../../dist/http/headers/legacy.js';
import { decision, denial, scriptedLimiter, serve } from '../support/express.mjs';
import { seededRandom, testSeed } from '../support/random.mjs';

const read = (field) =>
  parseList(field).map(([name, parameters]) => [name, Object.fromEntries(parameters)]);

const policies = {
  burst: tokenBucket({ capacity: 20, refill: 10, every: '1s' }),
  daily: fixedWindow({ limit: 5000, window: '1d' }),
};

/** The responses to `count` requests in one instant. */
async function responses(t, count, options) {
  const store = memory({ clock: manualClock() });
  const { send } = await serve(t, (app) => app.use(rateLimit({ policies, store, ...options })));
  const all = [];
  for (let i = 0; i < count; i++) all.push(await send());
  return all;
}

/** The rate-limit fields of a response, without those of HTTP. */
const fieldsOf = ({ headers }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => /rate-?limit|retry/.test(name)));

test("draft 8 has draft 10's form, and its t is the time until the whole quota is back", async (t) => {
  const all = await responses(t, 21, { headers: 'draft-8' });
  const [first] = all;
  assert.deepEqual(read(first.headers['ratelimit-policy']), [
    ['burst', { q: 20, w: 2 }],
    ['daily', { q: 5000, w: 86_400 }],
  ]);
  assert.deepEqual(read(first.headers.ratelimit), [['burst', { r: 19, t: 1 }]]);
  assert.deepEqual(read(all[14].headers.ratelimit), [['burst', { r: 5, t: 2 }]]);
  const denied = all.at(-1);
  assert.equal(denied.status, 429);
  assert.equal(denied.headers['retry-after'], '1');
  assert.deepEqual(read(denied.headers.ratelimit), [['burst', { r: 0, t: 1 }]]);
});

test('draft 8 leaves t out when nothing was used, of slots, and when the call is never admitted', () => {
  assert.equal(draft8LimitField(decision({ remaining: 20 })), '"burst";r=20');
  assert.equal(draft8LimitField(decision(), { algorithm: 'concurrency' }), '"burst";r=13');
  const never = denial({ retryAfterMs: Infinity });
  assert.equal(draft8LimitField(never, undefined, Infinity), '"burst";r=0');
});

test('draft 7: a dictionary of the binding policy, and a list of limits with windows', async (t) => {
  const all = await responses(t, 21, { headers: 'draft-7' });
  const { headers } = all[14];
  assert.deepEqual(read(headers['ratelimit-policy']), [
    [20, { w: 2 }],
    [5000, { w: 86_400 }],
  ]);
  const numbers = Object.fromEntries(
    [...parseDictionary(headers.ratelimit)].map(([name, [value]]) => [name, value]),
  );
  assert.deepEqual(numbers, { limit: 20, remaining: 5, reset: 2 });
  const parsed = parseRateLimit(headers);
  assert.deepEqual([parsed.limit, parsed.used, parsed.remaining], [20, 15, 5]);
  assert.equal(all.at(-1).headers.ratelimit, 'limit=20, remaining=0, reset=1');
  assert.equal(all.at(-1).headers['retry-after'], '1');
});

test('draft 6: one field for each number', async (t) => {
  const all = await responses(t, 21, { headers: 'draft-6' });
  assert.deepEqual(fieldsOf(all[14]), {
    'ratelimit-policy': '20;w=2, 5000;w=86400',
    'ratelimit-limit': '20',
    'ratelimit-remaining': '5',
    'ratelimit-reset': '2',
  });
  const { limit, used, remaining } = parseRateLimit(all[14].headers);
  assert.deepEqual([limit, used, remaining], [20, 15, 5]);
  assert.equal(all.at(-1).headers['ratelimit-reset'], '1');
});

test('legacy: X-RateLimit fields, whose reset is a point in time', async (t) => {
  const before = Date.now();
  const all = await responses(t, 21, { headers: 'legacy' });
  const after = Date.now();
  const { headers } = all[14];
  assert.deepEqual(Object.keys(fieldsOf(all[14])).sort(), [
    'x-ratelimit-limit',
    'x-ratelimit-remaining',
    'x-ratelimit-reset',
  ]);
  const { limit, used, remaining, reset } = parseRateLimit(headers);
  assert.deepEqual([limit, used, remaining], [20, 15, 5]);
  assert.ok(reset >= before + 1500 && reset < after + 2500, String(reset));
  assert.equal(all.at(-1).headers['retry-after'], '1');
});

test('the reset of the legacy format is rounded up to a second', () => {
  const half = decision({ resetAfterMs: 700 });
  assert.deepEqual(legacyValues(half, undefined, 1_000_200), ['20', '13', '1001']);
  assert.deepEqual(legacyValues(half, undefined, 1_000_400), ['20', '13', '1002']);
  const denied = denial({ resetAfterMs: 60_000 });
  assert.deepEqual(legacyValues(denied, 2, 1_000_000), ['20', '0', '1002']);
});

test('a draft and the legacy format stand side by side', async (t) => {
  const [{ headers }] = await responses(t, 1, { headers: ['draft-10', 'legacy'] });
  assert.equal(headers.ratelimit, '"burst";r=19;t=1');
  assert.equal(headers['ratelimit-policy'], '"burst";q=20;w=2, "daily";q=5000;w=86400');
  assert.equal(headers['x-ratelimit-remaining'], '19');
});

for (const headers of ['draft-8', 'draft-7', 'draft-6', 'legacy', ['draft-7', 'legacy']]) {
  const name = JSON.stringify(headers);
  test(`${name}: unknown quota has no field but the Retry-After of a denial`, async (t) => {
    for (const [answer, fields] of [
      [decision({ source: 'allow', remaining: NaN }), {}],
      [
        denial({ source: 'deny', remaining: NaN, retryAfterMs: 1000, resetAfterMs: 0 }),
        { 'retry-after': '1' },
      ],
    ]) {
      const limiter = scriptedLimiter(answer);
      const { send } = await serve(t, (app) => app.use(rateLimit({ limiter, headers })));
      assert.deepEqual(fieldsOf(await send()), fields);
    }
  });
}

test('a concurrency limit has no window in drafts 7 and 6, and a denial resets when it may retry', async (t) => {
  const slots = concurrency({ limit: 1, ttl: '2m' });
  assert.equal(draft7PolicyField({ slots }), '');
  const limiter = createLimiter({ policies: slots });
  await limiter.check('k');
  const { send } = await serve(t, (app) =>
    app.use(rateLimit({ limiter, key: () => 'k', headers: ['draft-6', 'legacy'] })),
  );
  const { headers } = await send();
  assert.equal(headers['ratelimit-policy'], undefined);
  assert.equal(headers['ratelimit-reset'], '1');
  assert.equal(headers['retry-after'], '1');
});

test('of several limiters, fields that are not lists show the one that binds', async (t) => {
  const loose = decision({ policy: 'loose', limit: 100, remaining: 90 });
  const tight = decision({ policy: 'tight', limit: 10, remaining: 2, resetAfterMs: 4000 });
  for (const answers of [
    [loose, tight],
    [tight, loose],
  ]) {
    const { send } = await serve(t, (app) => {
      for (const answer of answers) {
        const limiter = scriptedLimiter(answer);
        app.use(rateLimit({ limiter, headers: ['draft-7', 'legacy'] }));
      }
    });
    const { headers } = await send();
    assert.equal(headers.ratelimit, 'limit=10, remaining=2, reset=4');
    assert.equal(headers['x-ratelimit-limit'], '10');
    assert.deepEqual(read(headers['ratelimit-policy']), [
      [20, { w: 2 }],
      [20, { w: 2 }],
    ]);
  }
});

test('of several limiters, a denial binds more than any admission, and the longest wait most', async (t) => {
  const answers = [
    denial({ limit: 7, retryAfterMs: 3000, resetAfterMs: 3000 }),
    denial({ limit: 8, retryAfterMs: 9000, resetAfterMs: 9000 }),
    denial({ limit: 9, retryAfterMs: 5000, resetAfterMs: 5000 }),
    decision({ limit: 10, remaining: 0 }),
  ];
  const { send } = await serve(t, (app) => {
    for (const answer of answers) {
      const limiter = scriptedLimiter(answer);
      const handler = (_req, _res, next) => next();
      app.use(rateLimit({ limiter, headers: 'draft-6', handler }));
    }
  });
  const { headers } = await send();
  assert.equal(headers['ratelimit-limit'], '8');
  assert.equal(headers['ratelimit-reset'], '9');
  assert.equal(headers['retry-after'], '9');
});

test('two drafts, a format named twice, no format and an unknown one are refused', () => {
  const limiter = scriptedLimiter(decision());
  for (const headers of [
    ['draft-10', 'draft-8'],
    ['legacy', 'legacy'],
    [],
    'draft-9',
    ['draft-10', 'draft-9'],
    'toString',
    true,
    null,
  ]) {
    assert.throws(() => rateLimit({ limiter, headers }), {
      name: 'TypeError',
      code: 'ERR_SLUICE_OPTIONS',
      message: /rateLimit\.headers.*draft/,
    });
  }
});

test('no reset of any format is later than the Retry-After of a denial', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  for (let step = 0; step < 2000; step++) {
    const resetAfterMs = Math.ceil(random() * 1e6);
    const call = denial({ resetAfterMs, retryAfterMs: Math.ceil(random() * resetAfterMs) });
    const retryAfter = Math.ceil(call.retryAfterMs / 1000);
    const [[, { t }]] = read(draft8LimitField(call, undefined, retryAfter));
    const seven = parseDictionary(draft7LimitField(call, retryAfter)).get('reset')[0];
    const six = Number(draft6Values(call, retryAfter)[2]);
    for (const seconds of [t, seven, six]) {
      assert.ok(seconds <= retryAfter, `seed ${seed}, step ${step}: ${seconds} > ${retryAfter}`);
    }
  }
});
