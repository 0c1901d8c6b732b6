// Random requests with random options through express-rate-limit and through our compatibility mode.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import express5 from 'express';
import * as theirs from 'express-rate-limit';
import express4 from 'express4';
import * as ours from 'sluice/express';
import { serve } from '../support/express.mjs';
import { seededNumbers, testSeed } from '../support/random.mjs';

const full = process.env.SLUICE_FULL === '1';
const REQUESTS = full ? 5000 : 300;
const REQUESTS_PER_APP = 12;

/** A foreign store: counts in fixed windows by `Date.now()`, and may know no reset time. */
class CountingStore {
  localKeys = true;
  windows = new Map();

  constructor(knowsReset) {
    this.knowsReset = knowsReset;
  }

  init({ windowMs }) {
    this.windowMs = windowMs;
  }

  async increment(key) {
    const now = Date.now();
    let window = this.windows.get(key);
    if (window === undefined || window.end <= now) {
      window = { hits: 0, end: now + this.windowMs };
      this.windows.set(key, window);
    }
    window.hits++;
    return {
      totalHits: window.hits,
      resetTime: this.knowsReset ? new Date(window.end) : undefined,
    };
  }

  decrement(key) {
    const window = this.windows.get(key);
    if (window?.hits > 0) window.hits--;
  }

  resetKey(key) {
    this.windows.delete(key);
  }
}

function legacyStore() {
  const counts = new Map();
  return {
    incr(key, callback) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      callback(undefined, counts.get(key), undefined);
    },
    decrement: (key) => counts.set(key, counts.get(key) - 1),
    resetKey: (key) => counts.delete(key),
  };
}

/** Fails every third time. */
class FailingStore extends CountingStore {
  calls = 0;

  async increment(key) {
    if (++this.calls % 3 === 0) throw new Error('the store failed');
    return super.increment(key);
  }
}

/** Random options, as functions that make them for either library. */
function randomOptions(random) {
  const pick = (values) => values[random(values.length)];
  const maybe = (share, make) => (random(100) < share ? make() : undefined);
  const options = {
    windowMs: pick([undefined, 1000, 1500, 60_000, 61_000, 3_600_000, 5_400_000, 172_800_000]),
    limit: pick([
      undefined,
      0,
      1,
      2,
      2.5,
      3,
      () => 2,
      async () => 3,
      (req) => Number(req.get('x-limit') ?? 1),
    ]),
    max: maybe(15, () => pick([1, 4])),
    message: pick([
      undefined,
      'slow down',
      { error: 'slow down' },
      ['a'],
      async (req) => `not ${req.path}`,
    ]),
    statusCode: pick([undefined, 429, 503, 420]),
    legacyHeaders: pick([undefined, true, false]),
    headers: maybe(15, () => pick([true, false])),
    standardHeaders: pick([
      undefined,
      true,
      false,
      'draft-6',
      'draft-7',
      'draft-8',
      'draft-8',
      'draft-99',
    ]),
    identifier: pick([undefined, undefined, 'api', async (req) => `for ${req.method}`]),
    retryAfter: maybe(20, () => pick([0, 17, () => 18, async () => undefined])),
    requestPropertyName: maybe(20, () => 'quota'),
    skipFailedRequests: pick([undefined, true, false]),
    skipSuccessfulRequests: pick([undefined, undefined, true]),
    requestWasSuccessful: maybe(25, () => async (_req, res) => res.statusCode !== 404),
    keyGenerator: maybe(30, () =>
      pick([(req) => req.get('x-user') ?? 'nobody', async (req) => req.ip]),
    ),
    ipv6Subnet: maybe(25, () => pick([32, 48, 56, 60, 64, 64, 99, async () => 60])),
    skip: maybe(20, () => pick([(req) => req.path === '/skip', async () => false])),
    validate: maybe(20, () =>
      pick([true, false, { default: false, limit: true }, { ip: false }, { nope: true }]),
    ),
    passOnStoreError: pick([true, false]),
    unknownOption: maybe(10, () => 1),
    onLimitReached: maybe(5, () => () => {}),
    draft_polli_ratelimit_headers: maybe(5, () => true),
    handler: maybe(25, () =>
      pick([
        (_req, res, _next, options) => res.send(`${res.statusCode} ${options.statusCode}`),
        (_req, _res, next) => next(),
        (_req, _res, next) => next(new Error('too many')),
        async (_req, res, _next, { message, windowMs, limit, requestPropertyName }) =>
          res.status(418).json([typeof message, windowMs, typeof limit, requestPropertyName]),
        () => Promise.reject(new Error('the handler failed')),
      ]),
    ),
  };
  const store = pick([
    () => undefined,
    () => undefined,
    ({ MemoryStore }) => new MemoryStore(),
    () => new CountingStore(true),
    () => new CountingStore(false),
    () => legacyStore(),
    () => new FailingStore(true),
  ]);
  return (library) => ({ ...options, store: store(library) });
}

const ADDRESSES = [
  '192.0.2.1',
  '192.0.2.2',
  '::ffff:192.0.2.1',
  '2001:db8::1',
  '2001:db8:0:ff::1',
  '2001:db8:12:34ff::1',
  '2001:db8:12:3400:5::1',
];

function randomRequest(random) {
  const headers = { 'x-status': String([200, 200, 201, 302, 404, 500][random(6)]) };
  const method = ['GET', 'GET', 'POST'][random(3)];
  if (random(3) > 0) headers['x-forwarded-for'] = ADDRESSES[random(ADDRESSES.length)];
  if (random(4) === 0) headers['x-user'] = `u${random(2)}`;
  if (random(6) === 0) headers['x-limit'] = String(random(4));
  if (random(10) === 0) headers.forwarded = 'for=192.0.2.9';
  const path = random(5) === 0 ? '/skip' : '/page';
  return { path, method, headers };
}

/** An application behind limiters of one library. */
async function start(t, library, makeApp, trust, made) {
  const logged = [];
  const log = (level) => (error) => logged.push(`${level} ${error.code ?? error.message}`);
  const logger = { error: log('error'), warn: log('warn') };
  const limiters = made.map((make) => library.rateLimit({ logger, ...make(library) }));
  let closed;
  const server = await serve(
    t,
    (app) => {
      app.set('trust proxy', trust);
      app.use((_req, res, next) => {
        closed = new Promise((resolve) => res.once('close', resolve));
        next();
      });
      app.use(...limiters);
      app.use((req, res) => {
        const { rateLimit, quota } = req;
        const used = { ...rateLimit }.used === rateLimit?.current;
        res.status(Number(req.get('x-status'))).json({ rateLimit, quota, used });
      });
    },
    { makeApp },
  );
  return {
    logged,
    async send(request) {
      const { status, headers, body } = await server.send(request.path, request);
      await closed;
      // A refund runs after the response has closed.
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
      delete headers.date;
      return { status, headers, body };
    },
  };
}

test(`${REQUESTS} random requests get the same answers as from express-rate-limit`, async (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const random = seededNumbers(seed);
  mock.timers.enable({ apis: ['Date', 'setInterval'], now: 1_800_000_000_123 });
  t.after(() => mock.timers.reset());
  let denied = 0;
  for (let sent = 0; sent < REQUESTS; ) {
    const makeApp = random(2) === 0 ? express5 : express4;
    const trust = [false, 1, true][random(3)];
    const made =
      random(4) === 0 ? [randomOptions(random), randomOptions(random)] : [randomOptions(random)];
    await t.test(`from request ${sent}`, async (t) => {
      const apps = [];
      for (const library of [theirs, ours]) {
        apps.push(await start(t, library, makeApp, trust, made));
      }
      for (let i = 0; i < REQUESTS_PER_APP; i++, sent++) {
        const request = randomRequest(random);
        const [expected, got] = [await apps[0].send(request), await apps[1].send(request)];
        const context = JSON.stringify({ seed, sent, request, options: made[0](ours) });
        assert.deepEqual(got, expected, context);
        if ('retry-after' in got.headers) denied++;
        if (random(3) === 0) mock.timers.tick([1, 500, 1000, 59_999, 60_000][random(5)]);
      }
      assert.deepEqual(apps[1].logged.sort(), apps[0].logged.sort());
    });
  }
  t.diagnostic(`${denied} denials`);
  assert.ok(denied > REQUESTS / 20, `${denied} denials`);
});
