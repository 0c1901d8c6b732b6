// Express and NestJS refuse a wrong option with the same error.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';

const policies = tokenBucket({ capacity: 1, every: '1s' });

/** The class, code and text of the error, without the name of the function that throws it. */
function errorOf(call, name) {
  try {
    call();
  } catch (error) {
    assert.equal(error.argument.startsWith(`${name}.`), true, error.message);
    return [error.constructor, error.code, error.message.slice(name.length)];
  }
  return assert.fail(`${name} refuses nothing`);
}

const ofRequest = {
  'a key that is no function': { key: 'ip' },
  'a cost of text': { cost: '1' },
  'a cost of null': { cost: null },
  'a plan that is a number': { plan: 5 },
  'limits that are a number': { limits: 5 },
  'limits of null': { limits: null },
};
const ofFields = {
  'headers that do not exist': { headers: true },
  'a draft that does not exist': { headers: 'draft-9' },
  'a jitter of text': { retryAfterJitter: '0.2' },
  'a wait for a slot of text': { slotRetryAfter: '1' },
};
const outOfRange = {
  'a jitter above 1': { retryAfterJitter: 2 },
  'a wait for a slot of 0': { slotRetryAfter: 0 },
  'a wait for a slot of 1.5 s': { slotRetryAfter: 1.5 },
  'an endless wait for a slot': { slotRetryAfter: Infinity },
};

for (const [what, option] of Object.entries({ ...ofRequest, ...ofFields, ...outOfRange })) {
  test(`rateLimit and forRoot refuse ${what} with the same error`, () => {
    const options = { policies, ...option };
    const error = errorOf(() => rateLimit(options), 'rateLimit');
    assert.deepEqual(
      errorOf(() => SluiceModule.forRoot(options), 'forRoot'),
      error,
    );
    assert.equal(error[0], what in outOfRange ? RangeError : TypeError);
    if (!(what in ofRequest)) assert.equal(error[1], 'ERR_SLUICE_OPTIONS');
  });
}

for (const [what, option] of Object.entries(ofRequest)) {
  test(`rateLimit and @RateLimit refuse ${what} with the same error`, () => {
    assert.deepEqual(
      errorOf(() => RateLimit(option), '@RateLimit'),
      errorOf(() => rateLimit({ policies, ...option }), 'rateLimit'),
    );
  });
}
