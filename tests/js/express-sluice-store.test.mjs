// The compatibility mode over stores of Sluice: `rateLimit({ windowMs, limit, store: redis(url) })`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as theirs from 'express-rate-limit';
import { memory, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { SluiceStore } from 'sluice/express-rate-limit';
import { manualClock } from 'sluice/testing';
import { serve, until } from '../support/express.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { refuse } from '../support/refusals.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();

/** A logger, and the codes that it got. */
function makeLogger() {
  const codes = [];
  const keep = ({ code, message }) => codes.push(code ?? message);
  return { codes, logger: { error: keep, warn: keep } };
}

async function statuses(app, count, path) {
  const got = [];
  for (let i = 0; i < count; i++) got.push((await app.send(path)).status);
  return got;
}

for (const [where, makeStore] of Object.entries({
  memory: () => memory(),
  Redis: () => redis(server.url),
})) {
  test(`${where}: answers and req.rateLimit are those of express-rate-limit`, async (t) => {
    const { logger, codes } = makeLogger();
    const options = { windowMs: 900_000, limit: 2, standardHeaders: 'draft-8', logger };
    const answers = [];
    for (const [make, more] of [
      [theirs.rateLimit],
      [rateLimit, { store: makeStore(), prefix: `answers-${where}` }],
    ]) {
      const app = await serve(t, (app) => {
        app.use(make({ ...options, ...more }));
        app.get('/info', (req, res) => res.json(req.rateLimit));
      });
      const got = [];
      for (let i = 0; i < 4; i++) got.push(await app.send('/info'));
      for (const answer of got) {
        // Times depend on the moment of the request.
        const { ratelimit, 'ratelimit-policy': policy } = answer.headers;
        assert.match(ratelimit, /; t=(900|8\d\d)$/);
        const limit = answer.headers['x-ratelimit-limit'];
        const body = answer.body.replace(/"resetTime":"[^"]*"/, '"resetTime":""');
        answer.compared = [answer.status, body, limit, policy, ratelimit.replace(/t=\d+/, '')];
        answer.compared.push('retry-after' in answer.headers);
      }
      answers.push(got.map(({ compared }) => compared));
    }
    assert.deepEqual(answers[1], answers[0]);
    assert.deepEqual(
      answers[1].map(([status]) => status),
      [200, 200, 429, 429],
    );
    assert.match(answers[1][0][1], /"limit":2,"used":1,"remaining":1/);
    assert.deepEqual(codes, []);
  });

  test(`${where}: getKey and resetKey reach the store; the window ends`, async (t) => {
    const clock = manualClock();
    const store = where === 'memory' ? memory({ clock }) : makeStore();
    const windowMs = where === 'memory' ? 1000 : 60_000;
    const prefix = `keys-${where}`;
    const limiter = rateLimit({ windowMs, limit: 1, store, prefix, keyGenerator: () => 'k' });
    const app = await serve(t, (app) => app.use(limiter));
    assert.deepEqual(await statuses(app, 2), [200, 429]);
    assert.equal((await limiter.getKey('k')).totalHits, 2);
    await limiter.resetKey('k');
    assert.equal(await limiter.getKey('k'), undefined);
    assert.deepEqual(await statuses(app, 2), [200, 429]);
    if (where !== 'memory') return;
    clock.advance(1000);
    assert.deepEqual(await statuses(app, 2), [200, 429]);
  });

  test(`${where}: skipSuccessfulRequests gives requests back`, async (t) => {
    const limiter = rateLimit({
      limit: 2,
      skipSuccessfulRequests: true,
      store: makeStore(),
      prefix: `refunds-${where}`,
      keyGenerator: () => 'k',
    });
    const app = await serve(t, (app) => {
      app.get('/:status', limiter, (req, res) => res.sendStatus(Number(req.params.status)));
    });
    assert.deepEqual(await statuses(app, 1, '/401'), [401]);
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(await statuses(app, 1, '/200'), [200]);
      await until(async () => (await limiter.getKey('k')).totalHits === 1);
    }
    assert.deepEqual(await statuses(app, 2, '/401'), [401, 429]);
  });

  test(`${where}: two limiters under one prefix count together, and it is logged`, async (t) => {
    const { logger, codes } = makeLogger();
    const store = makeStore();
    const options = { limit: 3, store, logger, prefix: `together-${where}` };
    const app = await serve(t, (app) => app.use(rateLimit(options), rateLimit(options)));
    assert.deepEqual(await statuses(app, 2), [200, 429]);
    assert.deepEqual(codes, ['ERR_ERL_STORE_REUSE', 'ERR_ERL_DOUBLE_COUNT']);
  });

  test(`${where}: limiters with prefixes of their own count apart`, async (t) => {
    const { logger, codes } = makeLogger();
    const store = makeStore();
    const limiter = (prefix) =>
      rateLimit({ limit: 1, store, logger, prefix: `${prefix}-${where}` });
    const app = await serve(t, (app) => app.use(limiter('one'), limiter('two')));
    assert.deepEqual(await statuses(app, 2), [200, 429]);
    assert.deepEqual(codes, []);
  });
}

test('two memory() stores count apart under the default prefix', async (t) => {
  const { logger, codes } = makeLogger();
  const limiter = () => rateLimit({ limit: 1, store: memory(), logger });
  const own = rateLimit({ limit: 1, store: new SluiceStore({ store: memory() }), logger });
  const app = await serve(t, (app) => app.use(limiter(), limiter(), own));
  assert.deepEqual(await statuses(app, 2), [200, 429]);
  assert.deepEqual(codes, []);
});

test('one prefix on one Redis is one limit, whoever made the connection', async (t) => {
  const { logger, codes } = makeLogger();
  const [one, other] = [redis(server.url), redis({ url: server.url })].map((store) =>
    rateLimit({ limit: 1, store, logger, keyGenerator: () => 'k' }),
  );
  const app = await serve(t, (app) => {
    app.get('/one', one, (_req, res) => res.end());
    app.get('/other', other, (_req, res) => res.end());
  });
  assert.deepEqual(await statuses(app, 1, '/one'), [200]);
  assert.deepEqual(await statuses(app, 1, '/other'), [429]);
  assert.deepEqual(codes, ['ERR_ERL_STORE_REUSE']);
  const [key] = await client.keys('sluice:express-rate-limit*k*');
  assert.ok(key, 'the default prefix begins the key');
});

test('two windows under one prefix are refused', () => {
  const store = redis(server.url);
  rateLimit({ windowMs: 1000, store, prefix: 'clash', validate: false });
  assert.throws(() => rateLimit({ windowMs: 2000, store, prefix: 'clash', validate: false }), {
    code: 'ERR_SLUICE_POLICY_CLASH',
    message: /another name or prefix$/,
  });
});

for (const [passOnStoreError, expected, entries] of [
  [undefined, [200, 200, 429], 0],
  [true, [200, 200, 200], 3],
  [false, [500, 500, 500], 0],
]) {
  test(`passOnStoreError: ${passOnStoreError}, while Redis is gone`, async (t) => {
    const { logger, codes } = makeLogger();
    const gone = await startRedis();
    const store = redis(gone.url);
    const limiter = rateLimit({ limit: 2, store, passOnStoreError, logger });
    const app = await serve(t, (app) => app.use(limiter));
    await gone.stop();
    assert.deepEqual(await statuses(app, 3), expected);
    assert.deepEqual(codes, Array(entries).fill('ERR_SLUICE_STORE_UNAVAILABLE'));
    const errors = app.errors.map(({ code }) => code);
    const failed = expected.filter((status) => status === 500);
    assert.deepEqual(errors, Array(failed.length).fill('ERR_SLUICE_STORE_UNAVAILABLE'));
  });
}

const store = memory();
refuse(TypeError, 'ERR_SLUICE_OPTIONS', [
  [() => rateLimit({ limit: 5, store, windowMs: '60000' }), /^rateLimit\.windowMs.*'60000'/],
  [() => rateLimit({ limit: 5, store, prefix: '' }), /^rateLimit: .*prefix/],
  [() => rateLimit({ limit: 5, store: 'redis://u:secret@h' }), /redis\(\.\.\.\)(?!.*secret)/],
  [() => rateLimit({ limit: 5, store: memory }), /store must be redis\(\.\.\.\) or memory\(\)/],
  [() => rateLimit(store), /rateLimit\(\{ limit, store \}\); got a store$/],
]);
refuse(RangeError, 'ERR_SLUICE_DURATION', [
  [() => rateLimit({ limit: 5, store, windowMs: 0, validate: false }), /^rateLimit: .*got 0/],
]);
refuse(TypeError, 'ERR_SLUICE_UNKNOWN_OPTION', [
  [() => rateLimit({ limit: 5, prefix: 'p' }), /'limit'.*'prefix' of Sluice/],
  [
    () =>
      rateLimit({ limit: 5, store, prefix: 'p', policies: tokenBucket({ capacity: 1, every: 1 }) }),
    /'limit'.*'policies' of Sluice/,
  ],
]);
