// Mistakes that a newcomer makes: each message names the fix.

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
import { manualClock } from 'sluice/testing';

const bucket = tokenBucket({ capacity: 5, every: '1m' });
const limiter = createLimiter({ policies: bucket });
const named = createLimiter({ policies: { burst: bucket, daily: bucket } });
const byTenant = createLimiter({
  policies: { tenant: tokenBucket({ capacity: 5, every: '1m', by: 'tenant' }) },
});

const mistakes = {
  'a number in place of the options of check': [
    () => limiter.check('k', 5),
    'ERR_SLUICE_OPTIONS',
    /^check must be .* such as check\(key, \{ cost: 5 \}\); got 5$/,
  ],
  'a number in place of the options of wait': [
    () => limiter.wait('k', 1000),
    'ERR_SLUICE_OPTIONS',
    /^wait must be .* such as wait\(key, \{ maxWaitMs: 1000 \}\); got 1000$/,
  ],
  'a decision in place of the options of credit': [
    async () => limiter.credit('k', await limiter.check('k')),
    'ERR_SLUICE_COST',
    /^cost must be .*credit\(key, cost, \{ of: decision \}\); got a decision$/,
  ],
  'a key in place of a check': [
    () => limiter.checkMany(['k']),
    'ERR_SLUICE_OPTIONS',
    /^checks\[0\] must be an object, such as \{ key: 'user:42' \}; got 'k'$/,
  ],
  'a number as a key': [
    () => limiter.check(42),
    'ERR_SLUICE_KEY',
    /^key must be a string, such as String\(id\); got 42$/,
  ],
  'a number as limits': [
    () => named.check('k', { limits: 5 }),
    'ERR_SLUICE_OPTIONS',
    /^limits must be an object of numbers by policy name, such as \{ burst: 5 \}; got 5$/,
  ],
  'a misspelt policy in the cost': [
    () => named.check('k', { cost: { dialy: 1 } }),
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^cost: unknown policy 'dialy'\. Did you mean 'daily'\?$/,
  ],
  'a plan where there are none': [
    () => limiter.check('k', { plan: 'pro' }),
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^check has option 'plan', but the limiter has no plans: .*'plans' in place of 'policies'$/,
  ],
  'an option where there are none': [
    () => limiter.debit('k', 1, { of: {} }),
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^debit has no option 'of'\. Known options: none\.$/,
  ],
  'a part that no policy counts by': [
    () => byTenant.check({ user: 'u1' }),
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^key: unknown part 'user'\. Known parts: tenant\.$/,
  ],
  'a controller as a signal': [
    () => limiter.wait('k', { signal: new AbortController() }),
    'ERR_SLUICE_OPTIONS',
    /^signal must be an AbortSignal, such as controller\.signal; /,
  ],
  'less than one unit per span': [
    () => tokenBucket({ capacity: 5, refill: 0.5, every: '1s' }),
    'ERR_SLUICE_POLICY',
    /^tokenBucket\.refill must be a whole number .*: for a slower rate, lengthen 'every'; got 0\.5$/,
  ],
  'a second argument of redis': [
    () => redis('redis://localhost', { password: 'secret' }),
    'ERR_SLUICE_OPTIONS',
    /^redis must be given one argument, such as redis\(\{ url, .*; got a second one$/,
  ],
  'a decision in place of the cost of credit': [
    async () => limiter.credit('k', { of: await limiter.check('k') }),
    'ERR_SLUICE_COST',
    /^cost must be .*credit\(key, cost, \{ of: decision \}\); got a decision$/,
  ],
  'a second argument of createLimiter': [
    () => createLimiter({ policies: bucket }, { store: redis('redis://localhost') }),
    'ERR_SLUICE_OPTIONS',
    /^createLimiter must be given one argument, such as createLimiter\(\{ policies, store \}\); got a second one$/,
  ],
  'middleware that was not made': [
    () => rateLimit({ url: '/' }, { statusCode: 200 }, () => {}),
    'ERR_SLUICE_OPTIONS',
    /^rateLimit must be .* such as app\.use\(rateLimit\(\{ policies \}\)\); got a second one$/,
  ],
  'a clock that was not made': [
    () => memory({ clock: manualClock }),
    'ERR_SLUICE_OPTIONS',
    /^memory\.clock must be .*, such as manualClock\(\); got \[Function: manualClock\]$/,
  ],
  'the host of another client': [
    () => redis({ host: 'localhost' }),
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^redis has no option 'host'\. Use 'url', such as 'redis:\/\/localhost:6379'\.$/,
  ],
};

for (const [what, [run, code, message]] of Object.entries(mistakes)) {
  test(`${what} is refused with the fix`, async () => {
    await assert.rejects(async () => run(), { code, message });
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
