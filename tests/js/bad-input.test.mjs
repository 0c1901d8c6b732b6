// What a new user gets wrong: each refusal has a code and names the option and the value.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createLimiter, gcra, leakyBucket, memory, redis, tokenBucket } from 'sluice';

const bucket = tokenBucket({ capacity: 1, every: '1s' });
const limiter = createLimiter({ policies: { burst: bucket, daily: bucket } });

/** [what is done, error name, code, what the message must hold] */
const refusals = [
  [
    () => tokenBucket({ capacity: -1, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /capacity.*got -1/,
  ],
  [
    () => tokenBucket({ capacity: 1.5, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /capacity.*1\.5/,
  ],
  [
    () => tokenBucket({ capacity: '9', every: '1s' }),
    'TypeError',
    'ERR_SLUICE_POLICY',
    /capacity.*'9'/,
  ],
  [
    () => tokenBucket({ capacity: Number.NaN, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /NaN/,
  ],
  [
    () => tokenBucket({ capacity: 2 ** 42 + 1, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /2\^42/,
  ],
  [
    () => tokenBucket({ capacity: 1, refill: -1, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /refill.*-1/,
  ],
  [() => tokenBucket({ capacity: 1 }), 'TypeError', 'ERR_SLUICE_DURATION', /every.*undefined/],
  [
    () => tokenBucket({ capacity: 1, every: '1 s' }),
    'TypeError',
    'ERR_SLUICE_DURATION',
    /every.*'1 s'/,
  ],
  [
    () => tokenBucket({ capacity: 1, every: 0 }),
    'RangeError',
    'ERR_SLUICE_DURATION',
    /every.*got 0/,
  ],
  [() => tokenBucket({ capacity: 1, every: -5 }), 'RangeError', 'ERR_SLUICE_DURATION', /every.*-5/],
  [
    () => tokenBucket({ capacity: 1, every: Number.POSITIVE_INFINITY }),
    'RangeError',
    'ERR_SLUICE_DURATION',
    /Infinity/,
  ],
  [
    () => tokenBucket({ capacity: 1, every: '999999999d' }),
    'RangeError',
    'ERR_SLUICE_DURATION',
    /every.* 285 years.*999999999d/,
  ],
  [
    () => tokenBucket({ capacity: 101, refill: 1, every: '1d' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /capacity.*100 days.*101/,
  ],
  [
    () => tokenBucket({ capacity: 600_000_000, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /1 % of the rate/,
  ],
  [
    () => tokenBucket({ capacity: 1, evry: '1s' }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'evry'.*'every'/,
  ],
  [() => tokenBucket(), 'TypeError', 'ERR_SLUICE_OPTIONS', /tokenBucket/],

  [() => gcra({ every: '1s' }), 'TypeError', 'ERR_SLUICE_POLICY', /gcra\.limit.*undefined/],
  [
    () => gcra({ limit: 0, every: '1s', burst: 1 }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /gcra\.limit.*from 1.*got 0/,
  ],
  [
    () => gcra({ limit: 600_000_000, every: '1s' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /gcra\.limit.*1 % of the rate/,
  ],
  [
    () => gcra({ limit: 1, every: '1d', brust: 5 }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'brust'.*'burst'/,
  ],
  [
    () => leakyBucket({ capacity: 5, every: '1s' }),
    'TypeError',
    'ERR_SLUICE_POLICY',
    /leakyBucket\.leak.*undefined/,
  ],
  [
    () => leakyBucket({ capacity: 101, leak: 1, every: '1d' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /leakyBucket\.capacity.*100 days.*101/,
  ],
  [
    () => leakyBucket({ capacity: 5, leak: 1, every: '1s', mode: 'queue' }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /leakyBucket\.mode.*'queue'/,
  ],

  [() => createLimiter(), 'TypeError', 'ERR_SLUICE_OPTIONS', /createLimiter/],
  [() => createLimiter({}), 'TypeError', 'ERR_SLUICE_POLICY', /policies.*undefined/],
  [() => createLimiter({ policies: {} }), 'RangeError', 'ERR_SLUICE_POLICY', /1 to 16/],
  [
    () =>
      createLimiter({
        policies: Object.fromEntries([...'abcdefghijklmnopq'].map((c) => [c, bucket])),
      }),
    'RangeError',
    'ERR_SLUICE_POLICY',
    /1 to 16.*'a'.*'q'/,
  ],
  [() => createLimiter({ policies: [bucket] }), 'TypeError', 'ERR_SLUICE_POLICY', /policies/],
  [
    () => createLimiter({ policies: { a: { capacity: 1 } } }),
    'TypeError',
    'ERR_SLUICE_POLICY',
    /policies\.a/,
  ],
  [
    () => createLimiter({ policies: { 'a b': bucket } }),
    'RangeError',
    'ERR_SLUICE_POLICY_NAME',
    /a b/,
  ],
  [
    () => createLimiter({ policies: { 10: bucket } }),
    'RangeError',
    'ERR_SLUICE_POLICY_NAME',
    /digits alone.*'10'/,
  ],
  [
    () => createLimiter({ polices: bucket }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'polices'.*'policies'/,
  ],
  [
    () => createLimiter({ policies: bucket, store: 'redis://localhost' }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /store/,
  ],
  [
    () => createLimiter({ policies: bucket, onStoreError: 'panic' }),
    'RangeError',
    'ERR_SLUICE_OPTIONS',
    /onStoreError.*panic/,
  ],
  [
    () => createLimiter({ policies: bucket, deadlineMs: '100' }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /deadlineMs/,
  ],
  [
    () => createLimiter({ policies: bucket, deadlineMs: 0 }),
    'RangeError',
    'ERR_SLUICE_OPTIONS',
    /deadlineMs.*0/,
  ],
  [
    () => createLimiter({ policies: bucket, prefix: '' }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /prefix/,
  ],
  [
    () => createLimiter({ policies: bucket, denialCache: 'yes' }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /denialCache.*'yes'/,
  ],

  [() => memory({ maxKeys: 0 }), 'RangeError', 'ERR_SLUICE_OPTIONS', /maxKeys.*0/],
  [() => memory({ maxKey: 5 }), 'TypeError', 'ERR_SLUICE_UNKNOWN_OPTION', /'maxKey'.*'maxKeys'/],
  [() => memory({ name: '' }), 'TypeError', 'ERR_SLUICE_OPTIONS', /name/],
  [() => memory({ clock: {} }), 'TypeError', 'ERR_SLUICE_OPTIONS', /clock/],

  [
    () => redis(),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis .* a URL, as a string, or .*; got undefined$/,
  ],
  [
    () => redis(null),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis .* a URL, as a string, or .*; got null$/,
  ],
  [
    () => redis(6379),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis .* a URL, as a string, or .*; got a number$/,
  ],
  [
    () => redis({ nodes: [], cluster: true }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis\.nodes .* at least one URL; got an array$/,
  ],
  [() => redis({}), 'TypeError', 'ERR_SLUICE_REDIS_URL', /url/],
  [
    () => redis(new URL('redis://localhost')),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis .* a URL, as a string.*href/,
  ],
  [() => redis('redis://localhost\n'), 'TypeError', 'ERR_SLUICE_REDIS_URL', /url .* white space/],
  [
    () => redis({ host: 'localhost', port: 6379 }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /no option 'host'\. Use 'url', such as 'redis:/,
  ],
  [
    () => redis({ url: 'redis://localhost', db: 1 }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /no option 'db'\. Use 'database'/,
  ],
  [
    () => createLimiter({ policies: bucket, denial: false }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'denial'.*'denialCache'/,
  ],
  [
    () => redis({ client: undefined }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis\.client .*; got undefined$/,
  ],
  [
    () => redis({ url: 'rediss://localhost', tls: { key: 'PEM' } }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis\.tls\.cert must be given with 'key'/,
  ],
  [
    () => redis({ url: 'rediss://localhost', tls: { cert: 'PEM' } }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis\.tls\.key must be given with 'cert'/,
  ],
  [
    () => redis({ url: 'rediss://localhost', tls: { ca: [] } }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /redis\.tls\.ca must be left out or/,
  ],
  [
    () => createLimiter({ policy: bucket }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'policy'.*'policies'/,
  ],
  [() => redis('localhost:6379'), 'TypeError', 'ERR_SLUICE_REDIS_URL', /redis:\/\//],
  [() => redis('redis://localhost:0'), 'TypeError', 'ERR_SLUICE_REDIS_URL', /port/],
  [() => redis('redis://localhost/one'), 'TypeError', 'ERR_SLUICE_REDIS_URL', /database/],
  [
    () => redis({ url: 'redis://localhost', database: -1 }),
    'RangeError',
    'ERR_SLUICE_OPTIONS',
    /database/,
  ],
  [
    () => redis({ url: 'redis://localhost', password: 5 }),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /password/,
  ],
  [
    () => redis({ url: 'redis://localhost', tsl: {} }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'tls'/,
  ],

  [() => limiter.checkSync(''), 'TypeError', 'ERR_SLUICE_KEY', /key/],
  [() => limiter.checkSync(), 'TypeError', 'ERR_SLUICE_KEY', /undefined/],
  [() => limiter.checkSync(42), 'TypeError', 'ERR_SLUICE_KEY', /42/],
  [() => limiter.checkSync('a', { cost: -1 }), 'RangeError', 'ERR_SLUICE_COST', /cost.*-1/],
  [() => limiter.checkSync('a', { cost: 0.5 }), 'RangeError', 'ERR_SLUICE_COST', /cost.*0\.5/],
  [() => limiter.checkSync('a', { cost: Number.NaN }), 'RangeError', 'ERR_SLUICE_COST', /NaN/],
  [() => limiter.checkSync('a', { cost: 2 ** 31 }), 'RangeError', 'ERR_SLUICE_COST', /2147483648/],
  [() => limiter.checkSync('a', { cost: '1' }), 'TypeError', 'ERR_SLUICE_COST', /'1'/],
  [() => limiter.checkSync('a', { cost: null }), 'TypeError', 'ERR_SLUICE_COST', /null/],
  [
    () => limiter.checkSync('a', { cost: { brust: 1 } }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'brust'.*'burst'/,
  ],
  [
    () => limiter.checkSync('a', { cost: { burst: -1 } }),
    'RangeError',
    'ERR_SLUICE_COST',
    /cost\.burst.*-1/,
  ],
  [
    () => limiter.checkSync('a', { csot: 1 }),
    'TypeError',
    'ERR_SLUICE_UNKNOWN_OPTION',
    /'csot'.*'cost'/,
  ],
  [
    () => limiter.checkSync('a', { cost: [1, 2] }),
    'TypeError',
    'ERR_SLUICE_COST',
    /cost.*whole number.*\[ 1, 2 \]/,
  ],
  [
    () => limiter.checkSync('a', 5),
    'TypeError',
    'ERR_SLUICE_OPTIONS',
    /check must be given.*got 5/,
  ],
];

for (const [attempt, name, code, message] of refusals) {
  test(`refused: ${attempt.toString().slice(6).replace(/\s+/g, ' ')}`, () => {
    assert.throws(attempt, { name, code, message });
  });
}

test('the asynchronous calls reject with the same errors, and charge nothing', async () => {
  await assert.rejects(limiter.check(''), { code: 'ERR_SLUICE_KEY' });
  await assert.rejects(limiter.peek('a', { cost: -1 }), { code: 'ERR_SLUICE_COST' });
  await assert.rejects(limiter.reset(7), { code: 'ERR_SLUICE_KEY' });
  await assert.rejects(limiter.checkMany('a'), { code: 'ERR_SLUICE_OPTIONS' });
  await assert.rejects(limiter.checkMany([{ key: 'fresh' }, { key: 'b', cost: -1 }]), {
    code: 'ERR_SLUICE_COST',
    argument: 'checks[1].cost',
  });
  await assert.rejects(limiter.checkMany([{ key: 'fresh' }, { key: '' }]), {
    code: 'ERR_SLUICE_KEY',
    argument: 'checks[1].key',
  });
  assert.equal((await limiter.peek('fresh')).remaining, 1, 'nothing was charged before');
});

test('a policy may have a name that objects inherit', () => {
  const named = createLimiter({ policies: { constructor: bucket, toString: bucket } });
  assert.equal(named.checkSync('a', { cost: {} }).allowed, true, 'the unnamed cost 1');
});

test('a window is that of the numbers given, not of one token in whole nanoseconds', () => {
  for (const [capacity, refill, every, windowMs] of [
    [3, 3, '1s', 1000],
    [7, 7, '1m', 60_000],
    [20, 3, '1s', 6667],
    [1, 1, 1.001, 2],
    [1, 100, 0.001, 1],
    [2 ** 42, 2 ** 42, '99d', 8_553_600_000],
  ]) {
    const policy = tokenBucket({ capacity, refill, every });
    assert.equal(policy.windowMs, windowMs, `${capacity}, ${refill} every ${every}`);
  }
});

test('the edges of what is accepted', () => {
  assert.equal(tokenBucket({ capacity: 2 ** 42, every: '99d' }).limit, 2 ** 42);
  assert.equal(tokenBucket({ capacity: 100, refill: 1, every: '1d' }).windowMs, 8_640_000_000);
  assert.equal(tokenBucket({ capacity: 1, every: 0.001 }).windowMs, 1, '1 us, shown in whole ms');
  const sixteen = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`p${i}`, bucket]));
  assert.equal(createLimiter({ policies: sixteen }).checkSync('a').policies.length, 16);
  assert.equal(
    createLimiter({ policies: bucket }).checkSync('a', { cost: 2 ** 31 - 1 }).allowed,
    false,
  );
});

test('an option of redis() that is undefined counts as left out', () => {
  const url = 'redis://localhost:6390';
  assert.equal(redis({ url, client: undefined, tls: undefined }).address, 'localhost:6390');
});

test('a password is in no message and no printout', () => {
  const secret = 'hunter2';
  for (const url of [
    `redis://u:${secret}@h:99999`,
    `redis://u:${secret}@h/x`,
    `http://u:${secret}@h`,
    `redis://${secret}`,
  ]) {
    try {
      const store = redis(url);
      assert.doesNotMatch(
        inspect(store, { depth: 9, showHidden: true }).replace(/address: '[^']*'/, ''),
        /hunter2/,
      );
    } catch (error) {
      assert.doesNotMatch(inspect(error), /hunter2/);
    }
  }
  const store = redis(`redis://user:${secret}@localhost:6380/2`);
  assert.doesNotMatch(
    inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store),
    /hunter2/,
  );
  assert.equal(store.address, 'localhost:6380');
});
