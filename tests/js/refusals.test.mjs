// Refusals of wrong arguments: the error type, the code, and a message that names the option, the value and the fix.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  memory,
  redis,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { manualClock } from 'sluice/testing';
import { refuse } from '../support/refusals.mjs';

const bucket = tokenBucket({ capacity: 1, every: '1s' });
const limiter = createLimiter({ policies: { burst: bucket, daily: bucket } });
const roomy = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1m' }) });
const byTenant = createLimiter({
  policies: { tenant: tokenBucket({ capacity: 5, every: '1m', by: 'tenant' }) },
});
const seventeen = Object.fromEntries([...'abcdefghijklmnopq'].map((name) => [name, bucket]));
const url = 'redis://localhost';
const tlsUrl = 'rediss://localhost';
const CREDIT_OF = /^cost must be .*credit\(key, cost, \{ of: decision \}\); got a decision$/;

refuse(RangeError, 'ERR_SLUICE_POLICY', [
  [() => tokenBucket({ capacity: -1, every: '1s' }), /capacity.*got -1/],
  [() => tokenBucket({ capacity: 1.5, every: '1s' }), /capacity.*1\.5/],
  [() => tokenBucket({ capacity: NaN, every: '1s' }), /NaN/],
  [() => tokenBucket({ capacity: 2 ** 42 + 1, every: '1s' }), /2\^42/],
  [() => tokenBucket({ capacity: 101, refill: 1, every: '1d' }), /capacity.*100 days.*101/],
  [() => tokenBucket({ capacity: 600_000_000, every: '1s' }), /1 % of the rate/],
  [() => tokenBucket({ capacity: 1, refill: -1, every: '1s' }), /refill.*-1/],
  [
    () => tokenBucket({ capacity: 5, refill: 0.5, every: '1s' }),
    /^tokenBucket\.refill must be a whole number .*: for a slower rate, lengthen 'every'; got 0\.5$/,
  ],
  [() => gcra({ limit: 0, every: '1s', burst: 1 }), /gcra\.limit.*from 1.*got 0/],
  [() => gcra({ limit: 600_000_000, every: '1s' }), /gcra\.limit.*1 % of the rate/],
  [
    () => leakyBucket({ capacity: 101, leak: 1, every: '1d' }),
    /leakyBucket\.capacity.*100 days.*101/,
  ],
  [
    () => leakyBucket({ capacity: 5, leak: 1, every: '1s', mode: 'queue' }),
    /leakyBucket\.mode.*'queue'/,
  ],
  [
    () => createLimiter({ policies: {} }),
    /^policies must be 1 to 16 policies by name.*; got \{\}$/,
  ],
  [() => createLimiter({ policies: seventeen }), /1 to 16.*'a'.*'q'/],
]);

refuse(TypeError, 'ERR_SLUICE_POLICY', [
  [() => tokenBucket({ capacity: '9', every: '1s' }), /capacity.*'9'/],
  [() => gcra({ every: '1s' }), /gcra\.limit.*undefined/],
  [() => leakyBucket({ capacity: 5, every: '1s' }), /leakyBucket\.leak.*undefined/],
  [() => createLimiter({}), /policies.*undefined/],
  [() => createLimiter({ policies: [bucket] }), /policies/],
  [() => createLimiter({ policies: { a: { capacity: 1 } } }), /policies\.a/],
]);

refuse(RangeError, 'ERR_SLUICE_POLICY_NAME', [
  [() => createLimiter({ policies: { 'a b': bucket } }), /a b/],
  [() => createLimiter({ policies: { 10: bucket } }), /digits alone.*'10'/],
]);

refuse(RangeError, 'ERR_SLUICE_DURATION', [
  [() => tokenBucket({ capacity: 1, every: 0 }), /every.*got 0/],
  [() => tokenBucket({ capacity: 1, every: -5 }), /every.*-5/],
  [() => tokenBucket({ capacity: 1, every: Infinity }), /Infinity/],
  [() => tokenBucket({ capacity: 1, every: '999999999d' }), /every.* 285 years.*999999999d/],
  [
    () => tokenBucket({ capacity: 1, every: '1s', blockFor: Infinity }),
    /^tokenBucket\.blockFor must be a duration from .* to 100 days; got Infinity$/,
  ],
  [
    () => fixedWindow({ limit: 1, window: Infinity }),
    /^fixedWindow\.window must be a duration from .* to 100 days; got Infinity$/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_DURATION', [
  [() => tokenBucket({ capacity: 1 }), /every.*undefined/],
  [() => tokenBucket({ capacity: 1, every: '1 s' }), /every.*without spaces.*; got '1 s'$/],
]);

refuse(RangeError, 'ERR_SLUICE_OPTIONS', [
  [() => createLimiter({ policies: bucket, onStoreError: 'panic' }), /onStoreError.*panic/],
  [() => createLimiter({ policies: bucket, deadlineMs: 0 }), /deadlineMs.*0/],
  [() => memory({ maxKeys: 0 }), /maxKeys.*0/],
  [() => redis({ url, database: -1 }), /database/],
]);

refuse(TypeError, 'ERR_SLUICE_OPTIONS', [
  [() => tokenBucket(), /tokenBucket/],
  [() => createLimiter(), /createLimiter/],
  [() => createLimiter(memory()), /createLimiter\(\{ policies, store \}\); got a store$/],
  [
    () => createLimiter({ policies: bucket }, { store: redis(url) }),
    /^createLimiter must be given one argument, such as createLimiter\(\{ policies, store \}\); got a second one$/,
  ],
  [() => createLimiter({ policies: bucket, store: url }), /store/],
  [
    () => createLimiter({ policies: bucket, store: memory }),
    /^store must be memory\(\) or redis\(\.\.\.\), the result of a call; got a function$/,
  ],
  [() => createLimiter({ policies: bucket, deadlineMs: '100' }), /deadlineMs/],
  [() => createLimiter({ policies: bucket, prefix: '' }), /prefix/],
  [() => createLimiter({ policies: bucket, denialCache: 'yes' }), /denialCache.*'yes'/],
  [() => rateLimit(limiter), /such as rateLimit\(\{ limiter \}\); got a limiter$/],
  [() => rateLimit({ limiter: bucket }), /^rateLimit\.limiter must be a limiter/],
  [
    () => rateLimit({ url: '/' }, { statusCode: 200 }, () => {}),
    /^rateLimit must be .* such as app\.use\(rateLimit\(\{ policies \}\)\); got a second one$/,
  ],
  [
    () => SluiceModule.forRoot(limiter),
    /such as forRoot\(\{ limiters: \{ default: limiter \} \}\); got a limiter$/,
  ],
  [
    () => SluiceModule.forRoot({ limiters: { a: bucket } }),
    /^forRoot\.limiters\.a must be a limiter .*\{ policies \}; got a policy$/,
  ],
  [() => memory({ name: '' }), /name/],
  [() => memory({ clock: {} }), /clock/],
  [
    () => memory({ clock: manualClock }),
    /^memory\.clock must be .*, such as manualClock\(\); got \[Function: manualClock\]$/,
  ],
  [() => redis(), /redis .* a URL, as a string, or .*; got undefined$/],
  [() => redis(null), /redis .* a URL, as a string, or .*; got null$/],
  [() => redis(6379), /redis .* a URL, as a string, or .*; got a number$/],
  [() => redis(new URL(url)), /redis .* a URL, as a string.*href/],
  [
    () => redis(url, { password: 'secret' }),
    /^redis must be given one argument, such as redis\(\{ url, .*; got a second one$/,
  ],
  [() => redis({ nodes: [], cluster: true }), /redis\.nodes .* at least one URL; got an array$/],
  [() => redis({ client: undefined }), /redis\.client .*; got undefined$/],
  [() => redis({ url, password: 5 }), /password/],
  [() => redis({ url: tlsUrl, tls: { key: 'PEM' } }), /redis\.tls\.cert must be given with 'key'/],
  [() => redis({ url: tlsUrl, tls: { cert: 'PEM' } }), /redis\.tls\.key must be given with 'cert'/],
  [() => redis({ url: tlsUrl, tls: { ca: [] } }), /redis\.tls\.ca must be left out or/],
  [() => limiter.checkSync('a', 5), /check must be given.*got 5/],
  [
    async () => limiter.check('k', 5),
    /^check must be .* such as check\(key, \{ cost: 5 \}\); got 5$/,
  ],
  [
    async () => limiter.wait('k', 1000),
    /^wait must be .* such as wait\(key, \{ maxWaitMs: 1000 \}\); got 1000$/,
  ],
  [
    async () => limiter.wait('k', { signal: new AbortController() }),
    /^signal must be an AbortSignal, such as controller\.signal; /,
  ],
  [
    async () => limiter.check('k', { limits: 5 }),
    /^limits must be an object of numbers by policy name, such as \{ burst: 5 \}; got 5$/,
  ],
  [
    async () => limiter.checkMany(['k']),
    /^checks\[0\] must be an object, such as \{ key: 'user:42' \}; got 'k'$/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_REDIS_URL', [
  [() => redis({}), /url/],
  [() => redis('redis://localhost\n'), /url .* white space/],
  [() => redis('localhost:6379'), /redis:\/\//],
  [() => redis('redis://localhost:0'), /port/],
  [() => redis('redis://localhost/one'), /database/],
]);

refuse(TypeError, 'ERR_SLUICE_UNKNOWN_OPTION', [
  [() => tokenBucket({ capacity: 1, evry: '1s' }), /'evry'.*'every'/],
  [() => gcra({ limit: 1, every: '1d', brust: 5 }), /'brust'.*'burst'/],
  [() => createLimiter({ polices: bucket }), /'polices'.*'policies'/],
  [() => createLimiter({ policy: bucket }), /'policy'.*'policies'/],
  [() => createLimiter({ policies: bucket, denial: false }), /'denial'.*'denialCache'/],
  [() => memory({ maxKey: 5 }), /'maxKey'.*'maxKeys'/],
  [
    () => redis({ host: 'localhost', port: 6379 }),
    /^redis has no option 'host'\. Use 'url', such as 'redis:\/\/localhost:6379'\.$/,
  ],
  [() => redis({ url, db: 1 }), /no option 'db'\. Use 'database'/],
  [() => redis({ url, tsl: {} }), /'tls'/],
  [() => limiter.checkSync('a', { csot: 1 }), /'csot'.*'cost'/],
  [() => limiter.checkSync('a', { cost: { brust: 1 } }), /'brust'.*'burst'/],
  [
    async () => limiter.check('k', { cost: { dialy: 1 } }),
    /^cost: unknown policy 'dialy'\. Did you mean 'daily'\?$/,
  ],
  [
    async () => limiter.check('k', { plan: 'pro' }),
    /^check has option 'plan', but the limiter has no plans: .*'plans' in place of 'policies'$/,
  ],
  [
    async () => limiter.debit('k', 1, { of: {} }),
    /^debit has no option 'of'\. Known options: none\.$/,
  ],
  [
    async () => byTenant.check({ user: 'u1' }),
    /^key: unknown part 'user'\. Known parts: tenant\.$/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_KEY', [
  [() => limiter.checkSync(''), /key/],
  [() => limiter.checkSync(), /undefined/],
  [() => limiter.checkSync(42), /42/],
  [async () => limiter.check(42), /^key must be a string, such as String\(id\); got 42$/],
]);

refuse(RangeError, 'ERR_SLUICE_COST', [
  [() => limiter.checkSync('a', { cost: -1 }), /cost.*-1/],
  [() => limiter.checkSync('a', { cost: 0.5 }), /cost.*0\.5/],
  [() => limiter.checkSync('a', { cost: NaN }), /NaN/],
  [() => limiter.checkSync('a', { cost: 2 ** 31 }), /2147483648/],
  [() => limiter.checkSync('a', { cost: { burst: -1 } }), /cost\.burst.*-1/],
]);

refuse(TypeError, 'ERR_SLUICE_COST', [
  [() => limiter.checkSync('a', { cost: '1' }), /'1'/],
  [() => limiter.checkSync('a', { cost: null }), /null/],
  [() => limiter.checkSync('a', { cost: [1, 2] }), /cost.*whole number.*\[ 1, 2 \]/],
  [async () => roomy.credit('k', await roomy.check('k')), CREDIT_OF],
  [async () => roomy.credit('k', { of: await roomy.check('k') }), CREDIT_OF],
]);

const takePolicies = {
  createLimiter,
  rateLimit,
  forRoot: (options) => SluiceModule.forRoot(options),
  '@RateLimit': (options) => RateLimit(options),
};

for (const [name, make] of Object.entries(takePolicies)) {
  test(`${name}: a policy in place of the options`, () => {
    assert.throws(() => make(bucket), {
      code: 'ERR_SLUICE_OPTIONS',
      argument: name,
      message: `${name} must be given an object of options, such as ${name}({ policies: tokenBucket({...}) }); got a policy`,
    });
  });

  test(`${name}: a policy as an option of its own`, () => {
    assert.throws(() => make({ burst: bucket }), {
      code: 'ERR_SLUICE_OPTIONS',
      message: `${name} must be given an object of options, such as ${name}({ policies: { burst: ... } }); got a policy as option 'burst'`,
    });
    assert.throws(() => make({ polices: bucket }), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
      message: /Did you mean 'policies'/,
    });
  });
}

test('redis serves as the callback of map()', () => {
  const urls = ['redis://a.example', 'redis://b.example'];
  const addresses = urls.map(redis).map(({ address }) => address);
  assert.deepEqual(addresses, ['a.example:6379', 'b.example:6379']);
});

test("an option by another algorithm's name is refused with this one's", () => {
  const makers = [
    [tokenBucket, { limit: 5 }, 'capacity'],
    [tokenBucket, { window: '1m' }, 'every'],
    [tokenBucket, { rate: 5 }, 'refill'],
    [leakyBucket, { rate: 5 }, 'leak'],
    [gcra, { rate: 5 }, 'limit'],
    [gcra, { period: '1s' }, 'every'],
    [fixedWindow, { max: 5 }, 'limit'],
    [fixedWindow, { every: '1m' }, 'window'],
    [slidingWindow, { windowMs: 1000 }, 'window'],
    [concurrency, { max: 5 }, 'limit'],
  ];
  for (const [make, options, right] of makers) {
    const [name] = Object.keys(options);
    assert.throws(() => make(options), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
      message: `${make.name} has no option '${name}'. Did you mean '${right}'?`,
    });
  }
});

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
