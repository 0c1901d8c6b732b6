// Keys made of parts: `by`, `by: []` and `shardBy`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow, slidingLog, tokenBucket } from 'sluice';
import { still } from '../support/limits.mjs';

const limit = 10;
const byTenant = fixedWindow({ limit, window: '1h', by: 'tenant' });
const byBoth = slidingLog({ limit, window: '1h', by: ['tenant', 'user'] });
const byNone = tokenBucket({ capacity: limit, every: '1h', by: [] });
const policies = { tenant: byTenant, user: byBoth, all: byNone };
const used = (decision) => decision.policies.map(({ remaining }) => limit - remaining);

test('each policy counts by its own parts', () => {
  const { limiter } = still(policies);
  assert.deepEqual(used(limiter.checkSync({ tenant: 't1', user: 'u1' })), [1, 1, 1]);
  assert.deepEqual(used(limiter.checkSync({ tenant: 't1', user: 'u2' })), [2, 1, 2]);
  assert.deepEqual(used(limiter.checkSync({ tenant: 't2', user: 'u1' })), [1, 1, 3]);
  assert.deepEqual(used(limiter.checkSync({ user: 'u1', tenant: 't1' })), [3, 2, 4], 'any order');
});

test('a policy tells what it counts by', () => {
  assert.deepEqual([byTenant.by, byBoth.by, byNone.by], [['tenant'], ['tenant', 'user'], []]);
  assert.ok(Object.isFrozen(byBoth.by));
});

test('no parts meet other parts, whatever stands in them', () => {
  const values = [
    'a',
    'a:',
    ':a',
    ':',
    '::',
    '%',
    '%3A',
    '%253A',
    '%25',
    'a:a',
    '0',
    '1:',
    '{',
    '\0',
  ];
  for (const extra of [{}, { shardBy: 'tenant' }, { shardBy: 'region' }]) {
    const two = { user: byBoth };
    const { limiter } = still(two, extra);
    const seen = [];
    for (const tenant of values) {
      for (const user of values) {
        for (const region of extra.shardBy === 'region' ? ['a', 'a:', '1:a', 'a1'] : [undefined]) {
          seen.push({ tenant, user, ...(region === undefined ? {} : { region }) });
        }
      }
    }
    for (const key of seen) {
      assert.deepEqual(used(limiter.checkSync(key)), [1], JSON.stringify(key));
    }
    for (const key of seen) {
      assert.deepEqual(used(limiter.checkSync(key)), [2], JSON.stringify(key));
    }
  }
});

test('by: [] is one bucket for all callers', async () => {
  const { limiter } = still(byNone);
  assert.equal(limiter.checkSync({}).remaining, 9);
  assert.equal(limiter.checkSync('a').remaining, 8);
  assert.equal(limiter.checkSync('b').remaining, 7);
  await limiter.block('a', '1h');
  assert.equal(limiter.checkSync('b').allowed, false);
  assert.throws(() => limiter.checkSync(5), { code: 'ERR_SLUICE_KEY', name: 'TypeError' });
  assert.throws(() => limiter.checkSync({ tenant: 't1' }), { code: 'ERR_SLUICE_UNKNOWN_OPTION' });
});

test('shardBy is a part of every key, and parts of other shards are other keys', () => {
  const { limiter } = still(policies, { shardBy: 'region' });
  const key = { tenant: 't1', user: 'u1' };
  assert.deepEqual(used(limiter.checkSync({ ...key, region: 'eu' })), [1, 1, 1]);
  assert.deepEqual(used(limiter.checkSync({ ...key, region: 'us' })), [1, 1, 1]);
  assert.deepEqual(used(limiter.checkSync({ ...key, region: 'eu' })), [2, 2, 2]);
  assert.throws(() => limiter.checkSync(key), { code: 'ERR_SLUICE_KEY', argument: 'key.region' });
});

test('a block is of exactly the parts that a policy counts by', async () => {
  const { limiter } = still(policies);
  const key = { tenant: 't1', user: 'u1' };
  const deniers = () =>
    limiter
      .checkSync(key)
      .policies.filter(({ allowed }) => !allowed)
      .map(({ policy }) => policy);
  await limiter.block({ tenant: 't1' }, '1h');
  assert.deepEqual(deniers(), ['tenant']);
  assert.equal(limiter.checkSync({ tenant: 't1', user: 'u2' }).allowed, false);
  assert.equal(limiter.checkSync({ tenant: 't2', user: 'u1' }).allowed, true);
  await limiter.block(key, '1h');
  assert.deepEqual(deniers(), ['tenant', 'user']);
  await limiter.unblock({ tenant: 't1' });
  assert.deepEqual(deniers(), ['user']);
  assert.equal(limiter.checkSync({ tenant: 't1', user: 'u2' }).allowed, true);
  await limiter.block({}, '1h');
  assert.deepEqual(deniers(), ['user', 'all']);
  await limiter.unblock({});
  await limiter.unblock(key);
  assert.deepEqual(deniers(), []);
  await assert.rejects(limiter.block({ user: 'u1' }, '1h'), {
    name: 'RangeError',
    code: 'ERR_SLUICE_KEY',
    message: /\{ tenant \} or \{ tenant, user \}/,
  });
});

test('a block beside a shard names the shard too', async () => {
  const { limiter } = still(policies, { shardBy: 'region' });
  const key = { tenant: 't1', user: 'u1', region: 'eu' };
  await limiter.block({ tenant: 't1', region: 'eu' }, '1h');
  assert.equal(limiter.checkSync(key).policy, 'tenant');
  assert.equal(limiter.checkSync({ ...key, region: 'us' }).allowed, true);
  await assert.rejects(limiter.block({ tenant: 't1' }, '1h'), { argument: 'key.region' });
});

test('reset forgets the key under every policy, the shared ones too', async () => {
  const { limiter } = still(policies);
  const key = { tenant: 't1', user: 'u1' };
  limiter.checkSync(key, { cost: 5 });
  await limiter.reset(key);
  assert.deepEqual(used(limiter.checkSync(key)), [1, 1, 1]);
});

test('a key that lacks a part, or has one too many, is refused by name', () => {
  const { limiter } = still(policies);
  for (const [key, name, code, argument] of [
    [{ tenant: 't1' }, 'TypeError', 'ERR_SLUICE_KEY', 'key.user'],
    [{ tenant: 't1', user: undefined }, 'TypeError', 'ERR_SLUICE_KEY', 'key.user'],
    [{ tenant: 't1', user: '' }, 'TypeError', 'ERR_SLUICE_KEY', 'key.user'],
    [{ tenant: 't1', user: 7 }, 'TypeError', 'ERR_SLUICE_KEY', 'key.user'],
    [{ tenant: 't1', user: null }, 'TypeError', 'ERR_SLUICE_KEY', 'key.user'],
    [{ tenant: 't1', usr: 'u1' }, 'TypeError', 'ERR_SLUICE_UNKNOWN_OPTION', 'key.usr'],
    [Object.create({ tenant: 't1', user: 'u1' }), 'TypeError', 'ERR_SLUICE_KEY', 'key.tenant'],
    [['t1', 'u1'], 'TypeError', 'ERR_SLUICE_KEY', 'key'],
    ['t1', 'TypeError', 'ERR_SLUICE_KEY', 'key'],
    [null, 'TypeError', 'ERR_SLUICE_KEY', 'key'],
    [new Map([['tenant', 't1']]), 'TypeError', 'ERR_SLUICE_KEY', 'key.tenant'],
  ]) {
    assert.throws(() => limiter.checkSync(key), { name, code, argument });
  }
});

test('by and shardBy that cannot be meant are refused where they are said', () => {
  const window = { limit: 1, window: '1s' };
  const make = (by) => fixedWindow({ ...window, by });
  for (const [attempt, name, code, argument] of [
    [() => make(5), 'TypeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [() => make(null), 'TypeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [() => make(['a', 'a']), 'RangeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [() => make(''), 'RangeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [() => make('a b'), 'RangeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [() => make(['ok', '1st']), 'RangeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [() => make('x'.repeat(65)), 'RangeError', 'ERR_SLUICE_POLICY', 'fixedWindow.by'],
    [
      () => createLimiter({ policies: { a: make('t'), b: fixedWindow(window) } }),
      'RangeError',
      'ERR_SLUICE_POLICY',
      'policies.b.by',
    ],
    [
      () => createLimiter({ policies: fixedWindow(window), shardBy: 't' }),
      'RangeError',
      'ERR_SLUICE_OPTIONS',
      'shardBy',
    ],
    [
      () => createLimiter({ policies: make('t'), shardBy: 5 }),
      'TypeError',
      'ERR_SLUICE_OPTIONS',
      'shardBy',
    ],
  ]) {
    assert.throws(attempt, { name, code, argument });
  }
});

test('parts may have names that objects inherit', () => {
  const by = ['__proto__', 'constructor', 'toString'];
  const { limiter } = still(fixedWindow({ limit, window: '1h', by }));
  assert.throws(() => limiter.checkSync({}), { argument: 'key.__proto__' });
  const key = (text) => JSON.parse(text);
  const one = key('{"__proto__":"a","constructor":"b","toString":"c"}');
  assert.equal(limiter.checkSync(one).remaining, 9);
  assert.equal(limiter.checkSync(one).remaining, 8);
  const other = key('{"__proto__":"x","constructor":"b","toString":"c"}');
  assert.equal(limiter.checkSync(other).remaining, 9);
});
