// A policy, a limiter or a store in place of the options that hold it; and what errors say to try instead.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow, memory, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';

const bucket = tokenBucket({ capacity: 5, every: '1s' });
const limiter = createLimiter({ policies: bucket });
const makers = {
  createLimiter,
  rateLimit,
  forRoot: (options) => SluiceModule.forRoot(options),
  '@RateLimit': (options) => RateLimit(options),
};

for (const [name, make] of Object.entries(makers)) {
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

const cases = [
  [
    () => createLimiter({ policies: {} }),
    /^policies must be 1 to 16 policies by name.*; got \{\}$/,
  ],
  [() => createLimiter(memory()), /createLimiter\(\{ policies, store \}\); got a store$/],
  [
    () => createLimiter({ policies: bucket, store: memory }),
    /^store must be memory\(\) or redis\(\.\.\.\), the result of a call; got a function$/,
  ],
  [() => rateLimit(limiter), /such as rateLimit\(\{ limiter \}\); got a limiter$/],
  [() => rateLimit({ limiter: bucket }), /^rateLimit\.limiter must be a limiter/],
  [
    () => SluiceModule.forRoot(limiter),
    /such as forRoot\(\{ limiters: \{ default: limiter \} \}\); got a limiter$/,
  ],
  [
    () => SluiceModule.forRoot({ limiters: { a: bucket } }),
    /^forRoot\.limiters\.a must be a limiter .*\{ policies \}; got a policy$/,
  ],
  [
    () => tokenBucket({ capacity: 1, every: '1s', blockFor: Number.POSITIVE_INFINITY }),
    /^tokenBucket\.blockFor must be a duration from .* to 100 days; got Infinity$/,
  ],
  [
    () => fixedWindow({ limit: 1, window: Number.POSITIVE_INFINITY }),
    /^fixedWindow\.window must be a duration from .* to 100 days; got Infinity$/,
  ],
  [() => tokenBucket({ capacity: 1, every: '1 s' }), /without spaces.*; got '1 s'$/],
];
for (const [attempt, message] of cases) {
  test(`refused: ${attempt.toString().slice(6)}`, () => assert.throws(attempt, { message }));
}
