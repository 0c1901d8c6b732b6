// Passwords in the wrong place: the error names the option and the kind of value, and never shows the secret.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { createLimiter, memory, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { still } from '../support/limits.mjs';

const secret = 'hunter2';
const url = `redis://user:${secret}@localhost:6379`;
const policies = tokenBucket({ capacity: 1, every: '1s' });
const client = new Redis({ lazyConnect: true, password: secret });
const limiter = createLimiter({ policies });
const shown = (value) => inspect(value, { depth: 9, showHidden: true });

/** Asserts that a Sluice error is thrown, without the secret. Returns it. */
function refusedUnseen(attempt) {
  let thrown;
  assert.throws(attempt, (error) => {
    assert.match(error.code, /^ERR_SLUICE_/, error);
    assert.doesNotMatch(shown(error), /hunter2/);
    thrown = error;
    return true;
  });
  return thrown;
}

/** [attempt, message] */
const mistakes = [
  [() => createLimiter(url), /^createLimiter must .*; got a string$/],
  [() => createLimiter({ policies, store: url }), /^store must be .*redis\(url\); got a string$/],
  [() => createLimiter({ policies, store: { url } }), /^store must be .*; got an object$/],
  [() => createLimiter({ policies, store: client }), /^store must be .*redis\(\{ client \}\)/],
  [() => createLimiter({ policies, url }), /^createLimiter has no option 'url'/],
  [() => createLimiter({ policies, client }), /^createLimiter has no option 'client'/],
  [() => rateLimit(url), /^rateLimit must .*; got a string$/],
  [() => rateLimit({ policies, store: url }), /^rateLimit: store must be /],
  [() => rateLimit({ policies, client }), /^rateLimit has no option 'client'/],
  [() => rateLimit({ limiter: client }), /^rateLimit\.limiter must be .*; got an object$/],
  [
    () => rateLimit({ limiter, store: url }),
    /^rateLimit\.store must be left out .*; got a string$/,
  ],
  [() => SluiceModule.forRoot({ policies, url }), /^forRoot has no option 'url'/],
  [
    () => SluiceModule.forRoot({ limiters: url }),
    /^forRoot\.limiters must be an object .*; got a string$/,
  ],
  [
    () => SluiceModule.forRoot({ limiters: { default: { policies, client } } }),
    /^forRoot\.limiters\.default has no option 'client'/,
  ],
  [
    () => SluiceModule.forRoot({ limiters: { default: { check: client } } }),
    /^forRoot\.limiters\.default must be a limiter .*; got an object$/,
  ],
  [() => redis({ url: { href: url } }), /^redis\.url must be a URL, as a string.*; got an object$/],
  [
    () => redis({ url, passwrd: secret }),
    /^redis has no option 'passwrd'. Did you mean 'password'/,
  ],
  [() => redis({ url, password: { secret } }), /^redis\.password must be .*; got an object$/],
  [() => redis({ url, database: secret }), /^redis\.database must be .*; got a string$/],
  [() => redis({ nodes: url, cluster: true }), /^redis\.nodes must be .*; got a string$/],
  [() => redis({ url, tls: secret }), /^redis\.tls must be .*; got a string$/],
  [() => redis({ url, tls: { key: [secret] } }), /^redis\.tls\.key must be .*; got an array$/],
  [
    () => createLimiter({ policies, prefix: Object.assign(() => {}, { secret }) }),
    /^prefix must be .*; got a function$/,
  ],
  [
    () => createLimiter({ policies, prefix: Object.assign(class {}, { secret }) }),
    /^prefix must be .*; got a function$/,
  ],
  [
    () => createLimiter({ policies, prefix: { [Symbol('password')]: secret } }),
    /^prefix must be .*; got an object$/,
  ],
  [() => redis({ url, client }), /^redis\.url must be left out .*; got a string$/],
];

for (const [attempt, message] of mistakes) {
  test(`no secret is shown by ${attempt.toString().slice(6).replace(/\s+/g, ' ')}`, () => {
    const error = refusedUnseen(attempt);
    assert.match(error.message, message);
    assert.match(error.code, /^ERR_SLUICE_(OPTIONS|UNKNOWN_OPTION|REDIS_URL)$/);
    assert.equal(error.value, undefined);
  });
}

const parts = still(tokenBucket({ capacity: 1, every: '1s', by: 'tenant' })).limiter;
const clients = { client, 'its proxy': new Proxy(client, {}), options: { url, password: secret } };
for (const [what, given] of Object.entries(clients)) {
  const misplaced = {
    policies: () => createLimiter({ policies: given }),
    'a policy': () => createLimiter({ policies: { burst: given } }),
    plans: () => createLimiter({ plans: given }),
    "a plan's policies": () => createLimiter({ plans: { free: given } }),
    'a key': () => limiter.checkSync(given),
    'a key part': () => parts.checkSync({ tenant: given }),
    'an unknown key part': () => parts.checkSync({ tenant: 't', given }),
    'an option': () => limiter.checkSync('k', { given }),
    options: () => limiter.checkSync('k', given),
    'a cost': () => limiter.checkSync('k', { cost: given }),
    limits: () => limiter.checkSync('k', { limits: given }),
    'a capacity': () => tokenBucket({ capacity: given, every: '1s' }),
    "a policy's options": () => tokenBucket(given),
    'a clock': () => memory({ clock: given }),
    "a store's options": () => memory(given),
    'policies of rateLimit': () => rateLimit({ policies: given }),
    'an option of rateLimit': () => rateLimit({ policies, windowMs: given }),
    'policies of forRoot': () => SluiceModule.forRoot({ policies: given }),
    'policies of a decorator': () => RateLimit({ policies: given }),
  };
  for (const [where, attempt] of Object.entries(misplaced)) {
    test(`a Redis ${what} as ${where} is not kept or shown`, () => {
      refusedUnseen(attempt);
    });
  }
}

test('a URL in place of a policy is not shown', () => {
  for (const attempt of [
    () => createLimiter({ policies: url }),
    () => createLimiter({ policies: [url] }),
    () => createLimiter({ policies: { url } }),
    () => createLimiter({ plans: { url } }),
    () => createLimiter({ plans: url }),
  ]) {
    refusedUnseen(attempt);
  }
});

test('a password is in no message and no printout', () => {
  for (const url of [
    `redis://u:${secret}@h:99999`,
    `redis://u:${secret}@h/x`,
    `http://u:${secret}@h`,
    `redis://${secret}`,
  ]) {
    try {
      const store = redis(url);
      assert.doesNotMatch(shown(store).replace(/address: '[^']*'/, ''), /hunter2/);
    } catch (error) {
      assert.doesNotMatch(inspect(error), /hunter2/);
    }
  }
  const store = redis(`redis://user:${secret}@localhost:6380/2`);
  assert.doesNotMatch(shown(store) + JSON.stringify(store), /hunter2/);
  assert.equal(store.address, 'localhost:6380');
});
