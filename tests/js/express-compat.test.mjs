// The compatibility mode where it differs from express-rate-limit on purpose, and what it exports.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as theirs from 'express-rate-limit';
import * as ours from 'sluice/express';
import { codesOf, collectMessages, collectWarnings } from '../support/collect.mjs';
import { serve } from '../support/express.mjs';

const { clientIp, ipKeyGenerator, rateLimit } = ours;

test('every export of express-rate-limit is there, by import and by require', () => {
  const required = createRequire(import.meta.url)('sluice/express');
  for (const [name, value] of Object.entries(theirs)) {
    assert.equal(typeof ours[name], typeof value, name);
    assert.equal(required[name], ours[name], name);
    if (typeof value === 'number') assert.equal(ours[name], value, name);
  }
});

test('addresses: IPv4 in IPv6 is unwrapped however it is spelt, zones are dropped', () => {
  for (const [ip, bits, key] of [
    ['192.0.2.1', undefined, '192.0.2.1'],
    ['::ffff:102:304', undefined, '1.2.3.4'],
    ['64:ff9b::102:304', undefined, '1.2.3.4'],
    ['2001:db8::1.2.3.4', undefined, '2001:db8::/56'],
    ['2001:db8:12:34ff::1', 64, '2001:db8:12:34ff::/64'],
    ['2001:DB8:0::1%eth0', false, '2001:db8::1'],
    ['fe80::1%eth0', undefined, 'fe80::/56'],
    ['nonsense', undefined, 'nonsense'],
  ]) {
    assert.equal(ipKeyGenerator(ip, bits), key, ip);
  }
  assert.throws(() => ipKeyGenerator('::1', 129), { code: 'ERR_SLUICE_OPTIONS' });
  assert.equal(clientIp({ ip: '::ffff:1.2.3.4', headers: {} }), '1.2.3.4');
  assert.throws(() => clientIp({ ip: undefined, headers: {} }), { code: 'ERR_SLUICE_CLIENT_IP' });
});

/** A store that fails while `isDown`. */
function failingStore() {
  const store = {
    isDown: true,
    hits: 0,
    async increment() {
      if (store.isDown) throw new Error('no connection');
      return { totalHits: ++store.hits, resetTime: new Date(Date.now() + 60_000) };
    },
    decrement() {},
    resetKey() {},
  };
  return store;
}

for (const [passOnStoreError, statuses, entries] of [
  [undefined, [200, 200, 429, 429], 1],
  [true, [200, 200, 200, 200], 4],
  [false, [500, 500, 500, 500], 0],
]) {
  test(`passOnStoreError: ${passOnStoreError}, while the store fails`, async (t) => {
    const logged = [];
    const logger = { error: (error) => logged.push(error.message), warn() {} };
    const store = failingStore();
    const options = { limit: 2, passOnStoreError, store, logger };
    const server = await serve(t, (app) => app.use(rateLimit(options)));
    const got = [];
    for (let i = 0; i < 4; i++) got.push((await server.send()).status);
    assert.deepEqual(got, statuses);
    assert.deepEqual(logged, Array(entries).fill('no connection'));
    store.isDown = false;
    assert.equal((await server.send()).status, 200);
    assert.equal(store.hits, 1);
  });
}

test('middleware made in a request handler, and req.ip in a keyGenerator, are logged', async (t) => {
  const logged = [];
  const logger = { error: (error) => logged.push(error.code), warn() {} };
  const server = await serve(t, (app) => {
    app.use((req, res, next) =>
      rateLimit({ logger, keyGenerator: (req) => req.ip })(req, res, next),
    );
  });
  assert.equal((await server.send()).status, 200);
  const codes = ['ERR_ERL_KEY_GEN_IPV6', 'ERR_ERL_CREATED_IN_REQUEST_HANDLER'];
  assert.deepEqual(logged.sort(), codes.sort());
});

test('a thrown undefined is an error, and opens no limit', async (t) => {
  const keyGenerator = () => {
    throw undefined;
  };
  const server = await serve(t, (app) => app.use(rateLimit({ keyGenerator })));
  assert.equal((await server.send()).status, 500);
  assert.equal(server.errors[0].code, 'ERR_SLUICE_CALLBACK');
});

for (const [how, fails] of [
  ['at once', (error) => () => assert.fail(error)],
  ['later', (error) => () => Promise.reject(error)],
]) {
  test(`a callback that fails ${how} hands its error on, and an event names the option and the route`, async (t) => {
    const events = collectMessages(t, 'sluice:warning');
    const warnings = collectWarnings(t);
    const headers = { standardHeaders: 'draft-8' };
    for (const [option, options] of [
      ['skip', {}],
      ['keyGenerator', {}],
      ['limit', {}],
      ['identifier', headers],
      ['retryAfter', { limit: 0, validate: false }],
    ]) {
      const error = new Error('broken');
      const limit = rateLimit({ ...options, [option]: fails(error) });
      const server = await serve(t, (app) => app.get('/users/:id', limit));
      assert.equal((await server.send('/users/7?token=secret')).status, 500, option);
      assert.equal(server.errors[0], error);
      const route = 'GET /users/:id';
      const detail = `rateLimit: ${option} failed (${route}): broken`;
      assert.deepEqual(events.splice(0), [{ warning: 'request', detail, option, route, error }]);
    }
    assert.deepEqual(await codesOf(warnings), []);
  });
}

test('errors of the store, of the handler, and those with an HTTP status are no events', async (t) => {
  const events = collectMessages(t, 'sluice:warning');
  const broken = () => Promise.reject(new Error('broken'));
  const own = Object.assign(new Error('pay first'), { status: 402 });
  for (const options of [
    { store: failingStore(), passOnStoreError: false },
    { limit: 0, validate: false, handler: broken },
    { keyGenerator: () => Promise.reject(own) },
  ]) {
    const server = await serve(t, (app) => app.use(rateLimit(options)));
    assert.equal((await server.send()).status, 500);
    assert.equal(server.errors.length, 1);
  }
  assert.deepEqual(events, []);
});
