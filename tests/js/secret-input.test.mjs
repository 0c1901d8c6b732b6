// A password in the wrong place: what is refused is named, and said to be of which kind, but never shown.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { SluiceModule } from 'sluice/nestjs';

const secret = 'hunter2';
const url = `redis://user:${secret}@localhost:6379`;
const policies = tokenBucket({ capacity: 1, every: '1s' });
const client = new Redis({ lazyConnect: true, password: secret });
const limiter = createLimiter({ policies });

/** [what is done, what the message must hold] */
const mistakes = [
  [() => createLimiter(url), /^createLimiter must .*; got a string$/],
  [() => createLimiter({ policies, store: url }), /^store must be .*redis\(url\); got a string$/],
  [() => createLimiter({ policies, store: { url } }), /^store must be .*; got an object$/],
  [() => createLimiter({ policies, store: client }), /^store must be .*redis\(\{ client \}\)/],
  [() => createLimiter({ policies, url }), /^createLimiter has no option 'url'/],
  [() => createLimiter({ policies, client }), /^createLimiter has no option 'client'/],
  [() => rateLimit(url), /^rateLimit must .*; got a string$/],
  [() => rateLimit({ policies, store: url }), /^store must be /],
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
    assert.throws(attempt, (error) => {
      assert.match(error.message, message);
      assert.match(error.code, /^ERR_SLUICE_(OPTIONS|UNKNOWN_OPTION|REDIS_URL)$/);
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /hunter2/);
      assert.equal(error.value, undefined);
      return true;
    });
  });
}
