// Refusals of the Express middleware: wrong options when it is made.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { createLimiter, tokenBucket } from 'sluice';
import rateLimit, { rateLimit as namedRateLimit } from 'sluice/express';
import { decision, scriptedLimiter } from '../support/express.mjs';
import { plans, tenantPolicies } from '../support/plans.mjs';
import { refuse } from '../support/refusals.mjs';

const key = (req) => req.get('x-user');
const limiter = scriptedLimiter(decision());
const twoPlans = createLimiter({ plans });
const byParts = createLimiter({ policies: tenantPolicies() });
const daily = createLimiter({ policies: { daily: tokenBucket({ capacity: 5, every: '1d' }) } });
const shared = tokenBucket({ capacity: 1, every: '1s', by: [] });

refuse(TypeError, 'ERR_SLUICE_OPTIONS', [
  [() => rateLimit('policies'), /rateLimit/],
  [() => rateLimit({ store: {} }), /rateLimit\.store.*increment/],
  [() => rateLimit({ limiter, skipFailedRequests: 1 }), /rateLimit\.skipFailedRequests.*got 1/],
  [() => rateLimit({ limiter, requestWasSuccessful: true }), /requestWasSuccessful.*true/],
  [() => rateLimit({ limiter, key: 'user' }), /rateLimit\.key.*'user'/],
  [() => rateLimit({ limiter, skip: true }), /rateLimit\.skip.*true/],
  [() => rateLimit({ limiter, handler: null }), /rateLimit\.handler.*null/],
  [() => rateLimit({ limiter, headers: true }), /rateLimit\.headers.*true/],
  [() => rateLimit({ limiter, headers: 'draft-9' }), /'draft-10'.*'draft-9'/],
  [() => rateLimit({ limiter, retryAfterJitter: '0.2' }), /retryAfterJitter.*'0\.2'/],
  [() => rateLimit({ limiter: {} }), /createLimiter/],
  [() => rateLimit({ limiter: { check() {} } }), /createLimiter/],
  [() => rateLimit({ limiter: null }), /createLimiter/],
  [() => rateLimit({ limiter, policies: limiter.policies }), /policies.*'limiter'/],
  [() => rateLimit({ limiter, prefix: 'p' }), /prefix.*'p'/],
  [() => rateLimit({ plans, policies: plans.free }), /policies/],
  [() => rateLimit({ limiter: daily, plans }), /rateLimit\.plans/],
  [() => rateLimit({ limiter: daily, limits: 5 }), /rateLimit\.limits.*got 5/],
  [() => rateLimit({ limiter: daily, limits: null }), /rateLimit\.limits.*null/],
  [() => rateLimit({ limiter: daily, shardBy: 'tenant' }), /rateLimit\.shardBy/],
]);

refuse(RangeError, 'ERR_SLUICE_OPTIONS', [
  [() => rateLimit({ policies: plans.free, shardBy: 'tenant' }), /shardBy/],
  [() => rateLimit({ limiter, retryAfterJitter: 1.5 }), /from 0 to 1; got 1\.5/],
  [() => rateLimit({ limiter, retryAfterJitter: NaN }), /got NaN/],
]);

refuse(TypeError, 'ERR_SLUICE_UNKNOWN_OPTION', [
  [() => rateLimit({ limiter, hanlder() {} }), /'hanlder'.*'handler'/],
  [() => rateLimit({ limiter, polices: {} }), /'policies'/],
  [
    () => rateLimit({ limiter, keyGenerator() {} }),
    /'keyGenerator' is an option of express-rate-limit, and 'limiter' of Sluice.*: key$/,
  ],
  [
    () => rateLimit({ windowMs: 60_000, headers: 'draft-10' }),
    /'windowMs'.*'headers' of Sluice.*fixedWindow\(\{ limit, window \}\)/,
  ],
  [
    () => rateLimit({ limiter: daily, limits: { dayly: 5 } }),
    /rateLimit\.limits: unknown policy 'dayly'.*'daily'/,
  ],
  [
    () => rateLimit({ plans, plan: () => 'pro', limits: { brust: 5 } }),
    /rateLimit\.limits \(plan 'free'\): unknown policy 'brust'.*'burst'/,
  ],
  [
    () => rateLimit({ limiter: daily, cost: { dayly: 5 } }),
    /rateLimit\.cost: unknown policy 'dayly'/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_PLAN', [
  [() => rateLimit({ plans, plan: 1 }), /rateLimit\.plan.*got 1$/],
  [() => rateLimit({ limiter: daily, plan: 'pro' }), /rateLimit\.plan must be left out.*'pro'/],
  [() => rateLimit({ limiter: daily, plan: () => 'pro' }), /left out/],
]);

refuse(RangeError, 'ERR_SLUICE_PLAN', [
  [
    () => rateLimit({ plans, key }),
    /^rateLimit\.plan must be one of the limiter's plans \('free', 'pro'\), or a function.*; got undefined$/,
  ],
  [() => rateLimit({ limiter: twoPlans }), /rateLimit\.plan/],
  [() => rateLimit({ plans, plan: 'por' }), /'free', 'pro'.*got 'por'/],
]);

refuse(TypeError, 'ERR_SLUICE_KEY', [
  [
    () => rateLimit({ policies: tenantPolicies() }),
    /^rateLimit\.key must be a function that returns the parts .*\{ tenant, user \}; got undefined$/,
  ],
  [() => rateLimit({ limiter: byParts }), /rateLimit\.key/],
  [() => rateLimit({ policies: shared }), /rateLimit\.key/],
]);

refuse(TypeError, 'ERR_SLUICE_COST', [
  [() => rateLimit({ limiter, cost: '3' }), /rateLimit\.cost.*'3'/],
  [() => rateLimit({ limiter: daily, cost: null }), /rateLimit\.cost.*null/],
]);

refuse(RangeError, 'ERR_SLUICE_COST', [
  [() => rateLimit({ limiter: daily, cost: -1 }), /rateLimit\.cost.*-1/],
]);

refuse(RangeError, 'ERR_SLUICE_LIMITS', [
  [() => rateLimit({ limiter: daily, limits: { daily: -1 } }), /rateLimit\.limits\.daily.*got -1/],
]);

test('an option that is undefined counts as left out', () => {
  rateLimit({
    limiter: scriptedLimiter(decision()),
    key: undefined,
    headers: undefined,
    store: undefined,
  });
});

test('import and require give one function, under every name', () => {
  const required = createRequire(import.meta.url)('sluice/express');
  assert.equal(required, rateLimit);
  assert.equal(namedRateLimit, rateLimit);
  assert.equal(required.rateLimit, rateLimit);
  assert.equal(required.default, rateLimit);
});
