// SluiceStore under express-rate-limit itself.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import express from 'express';
import { MemoryStore, rateLimit } from 'express-rate-limit';
import { memory, redis } from 'sluice';
import { SluiceStore } from 'sluice/express-rate-limit';
import { dateClock, manualClock } from 'sluice/testing';
import { send } from '../support/express.mjs';
import { seededNumbers, testSeed } from '../support/random.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const CALLS = process.env.SLUICE_FULL ? 10_000 : 500;
const WINDOW = { windowMs: 10_000 };

function initialised(options, init = WINDOW) {
  const store = new SluiceStore(options);
  store.init(init);
  return store;
}

test("random calls get the answers of express-rate-limit's own store", async (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const below = seededNumbers(seed);
  mock.timers.enable({ apis: ['Date'], now: 1.8e12 });
  t.after(() => mock.timers.reset());
  const theirs = new MemoryStore();
  theirs.init(WINDOW);
  t.after(() => theirs.shutdown());
  const ours = initialised({ store: memory({ clock: dateClock() }) });
  const hits = new Map();
  for (let i = 0; i < CALLS; i++) {
    const key = `k${below(5)}`;
    // Theirs keeps an ended window until its timer runs, and an emptied one until its end.
    const { totalHits = 0 } = (await theirs.get(key)) ?? {};
    const call = below(20);
    if (call === 0) {
      for (const store of [theirs, ours]) await store.resetKey(key);
    } else if (call < 6 && totalHits > 1) {
      for (const store of [theirs, ours]) await store.decrement(key);
    } else if (call < 9) {
      assert.deepEqual(await ours.get(key), await theirs.get(key), `get ${i}`);
    } else {
      const expected = await theirs.increment(key);
      assert.deepEqual(await ours.increment(key), expected, `increment ${i}`);
      hits.set(expected.totalHits, i);
    }
    mock.timers.tick(below(600));
  }
  assert.ok(hits.size > 4, `${[...hits.keys()]}`);
});

for (const [where, makeStore] of Object.entries({
  memory: () => undefined,
  Redis: () => redis(server.url),
})) {
  test(`an app of express-rate-limit's documentation limits alike with its counts in ${where}`, async (t) => {
    const store = new SluiceStore({ store: makeStore(), prefix: `app-${where}` });
    const limiter = rateLimit({
      windowMs: 15 * 60 * 1000,
      limit: 3,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      ipv6Subnet: 56,
      store,
      passOnStoreError: false,
    });
    t.after(() => store.shutdown());
    const app = express();
    app.use(limiter);
    app.get('/', (_req, res) => res.send('hello'));
    const listening = app.listen(0, '127.0.0.1');
    t.after(() => listening.close());
    await new Promise((resolve) => listening.once('listening', resolve));
    const get = () => send({ host: '127.0.0.1', port: listening.address().port, path: '/' });
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await get());
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 429],
    );
    assert.match(answers[1].headers.ratelimit, /r=1; t=\d+$/);
    assert.equal(answers[3].body, 'Too many requests, please try again later.');
    assert.deepEqual((await limiter.getKey('127.0.0.1')).totalHits, 4);
    await limiter.resetKey('127.0.0.1');
    assert.equal((await get()).status, 200);
  });

  test(`skipSuccessfulRequests gives requests back in ${where}`, async (t) => {
    const store = new SluiceStore({ store: makeStore(), prefix: `refunds-${where}` });
    t.after(() => store.shutdown());
    const limiter = rateLimit({ limit: 2, skipSuccessfulRequests: true, store });
    const app = express();
    app.get('/:status', limiter, (req, res) => res.sendStatus(Number(req.params.status)));
    const listening = app.listen(0, '127.0.0.1');
    t.after(() => listening.close());
    await new Promise((resolve) => listening.once('listening', resolve));
    const { port } = listening.address();
    const found = [];
    for (const path of ['/200', '/200', '/200', '/401', '/401', '/200', '/401']) {
      found.push((await send({ host: '127.0.0.1', port, path })).status);
      // The refund follows the response.
      while (
        found.at(-1) === 200 &&
        (await store.get('127.0.0.1'))?.totalHits > found.filter((s) => s === 401).length
      )
        await new Promise(setImmediate);
    }
    assert.deepEqual(found, [200, 200, 200, 401, 401, 429, 429]);
  });
}

test('a late decrement takes nothing of the window that another instance has begun', async () => {
  const clock = manualClock();
  const store = memory({ clock });
  const [one, other] = [initialised({ store }), initialised({ store })];
  await one.increment('k');
  clock.advance(10_000);
  await other.increment('k');
  await one.decrement('k');
  assert.equal((await one.get('k')).totalHits, 1);
  await other.decrement('k');
  assert.equal(await one.get('k'), undefined);
});

test('a decrement after resetKey takes nothing of what another instance counted since', async () => {
  const store = memory({ clock: manualClock() });
  const [one, other] = [initialised({ store }), initialised({ store })];
  await one.increment('k');
  await one.resetKey('k');
  await other.increment('k');
  await one.decrement('k');
  assert.equal((await one.get('k')).totalHits, 1);
});

test('each increment is given back once, and never more', async () => {
  const store = initialised();
  for (let i = 0; i < 3; i++) await store.increment('k');
  for (let i = 0; i < 2; i++) await store.decrement('k');
  assert.equal((await store.get('k')).totalHits, 1);
  for (let i = 0; i < 2; i++) await store.decrement('k');
  assert.equal(await store.get('k'), undefined);
  await store.increment('k');
  await store.resetKey('k');
  await store.increment('other');
  await store.increment('k');
  assert.equal((await store.get('k')).totalHits, 1);
});

test('resetAll empties a store of its own, and is missing where others may count', async () => {
  const own = initialised();
  assert.equal(own.localKeys, true);
  await own.increment('k');
  await own.resetAll();
  assert.equal(await own.get('k'), undefined);
  assert.equal((await own.increment('k')).totalHits, 1);
  const shared = initialised({ store: memory() });
  assert.deepEqual([shared.localKeys, shared.resetAll], [false, undefined]);
});

test('keys of any kind count', async () => {
  const store = initialised();
  for (const key of [undefined, '', 'k', 5, 'x'.repeat(1e6)]) {
    await store.increment(key);
    assert.equal((await store.increment(key)).totalHits, 2);
  }
});

test('wrong use is refused with names', async () => {
  assert.throws(
    () => new SluiceStore({ prefx: 'a' }),
    /SluiceStore has no option 'prefx'.*'prefix'/,
  );
  assert.throws(() => new SluiceStore({ prefix: '' }), /SluiceStore\.prefix/);
  assert.throws(() => new SluiceStore({ onStoreError: 'deny' }), /'local' or 'throw'/);
  const store = new SluiceStore();
  await assert.rejects(store.increment('k'), /rateLimit\(\{ windowMs, store \}\)/);
  assert.throws(() => store.init({ windowMs: -1 }), { code: 'ERR_SLUICE_DURATION' });
  await assert.rejects(store.increment('k'), { code: 'ERR_SLUICE_DURATION' });
  store.init({ windowMs: 1000 });
  store.init({ windowMs: 1000 });
  assert.throws(() => store.init({ windowMs: 2000 }), /a store of its own/);
});

test("under onStoreError: 'throw' a dead Redis rejects, and passOnStoreError decides", async (t) => {
  const store = new SluiceStore({
    store: redis('redis://127.0.0.1:1'),
    onStoreError: 'throw',
    deadlineMs: 50,
  });
  store.init(WINDOW);
  t.after(() => store.shutdown());
  await assert.rejects(store.increment('k'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
});
