// The Express middleware with plans, limits of one call and keys of parts: what it refuses, and how it says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { serve } from './express-support.mjs';
import { plans, tenantPolicies } from './support/plans.mjs';

const key = (req) => req.get('x-user');
const twoPlans = createLimiter({ plans });
const byParts = createLimiter({ policies: tenantPolicies() });
const daily = createLimiter({ policies: { daily: tokenBucket({ capacity: 5, every: '1d' }) } });
const refused = {
  'plans without a plan': [
    { plans, key },
    'ERR_SLUICE_PLAN',
    /^rateLimit\.plan must be one of the limiter's plans \('free', 'pro'\), or a function.*; got undefined$/,
  ],
  'a limiter with plans without a plan': [
    { limiter: twoPlans },
    'ERR_SLUICE_PLAN',
    /rateLimit\.plan/,
  ],
  'a plan that is none': [{ plans, plan: 'por' }, 'ERR_SLUICE_PLAN', /'free', 'pro'.*got 'por'/],
  'a plan that is a number': [{ plans, plan: 1 }, 'ERR_SLUICE_PLAN', /rateLimit\.plan.*got 1$/],
  'a plan where there are none': [
    { limiter: daily, plan: 'pro' },
    'ERR_SLUICE_PLAN',
    /rateLimit\.plan must be left out.*'pro'/,
  ],
  'a plan function where there are none': [
    { limiter: daily, plan: () => 'pro' },
    'ERR_SLUICE_PLAN',
    /left out/,
  ],
  'plans beside policies': [{ plans, policies: plans.free }, 'ERR_SLUICE_OPTIONS', /policies/],
  'policies of parts without a key': [
    { policies: tenantPolicies() },
    'ERR_SLUICE_KEY',
    /^rateLimit\.key must be a function that returns the parts .*\{ tenant, user \}; got undefined$/,
  ],
  'a limiter of parts without a key': [{ limiter: byParts }, 'ERR_SLUICE_KEY', /rateLimit\.key/],
  'one bucket for all without a key': [
    { policies: tokenBucket({ capacity: 1, every: '1s', by: [] }) },
    'ERR_SLUICE_KEY',
    /rateLimit\.key/,
  ],
  'limits of a policy that does not exist': [
    { limiter: daily, limits: { dayly: 5 } },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /rateLimit\.limits: unknown policy 'dayly'.*'daily'/,
  ],
  'limits of a policy that no plan has': [
    { plans, plan: () => 'pro', limits: { brust: 5 } },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /rateLimit\.limits \(plan 'free'\): unknown policy 'brust'.*'burst'/,
  ],
  'limits below 0': [
    { limiter: daily, limits: { daily: -1 } },
    'ERR_SLUICE_LIMITS',
    /rateLimit\.limits\.daily.*got -1/,
  ],
  'limits that are a number': [
    { limiter: daily, limits: 5 },
    'ERR_SLUICE_OPTIONS',
    /rateLimit\.limits.*got 5/,
  ],
  'limits of null': [
    { limiter: daily, limits: null },
    'ERR_SLUICE_OPTIONS',
    /rateLimit\.limits.*null/,
  ],
  'a cost of a policy that does not exist': [
    { limiter: daily, cost: { dayly: 5 } },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /rateLimit\.cost: unknown policy 'dayly'/,
  ],
  'a cost below 0': [{ limiter: daily, cost: -1 }, 'ERR_SLUICE_COST', /rateLimit\.cost.*-1/],
  'a cost of null': [{ limiter: daily, cost: null }, 'ERR_SLUICE_COST', /rateLimit\.cost.*null/],
  'shardBy without parts': [
    { policies: plans.free, shardBy: 'tenant' },
    'ERR_SLUICE_OPTIONS',
    /shardBy/,
  ],
  'shardBy beside a limiter': [
    { limiter: daily, shardBy: 'tenant' },
    'ERR_SLUICE_OPTIONS',
    /rateLimit\.shardBy/,
  ],
  'plans beside a limiter': [{ limiter: daily, plans }, 'ERR_SLUICE_OPTIONS', /rateLimit\.plans/],
};
for (const [what, [options, code, message]] of Object.entries(refused)) {
  test(`rateLimit refuses ${what}`, () => {
    assert.throws(
      () => rateLimit(options),
      (error) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

const failing = {
  'a plan that is none': [
    { limiter: twoPlans, plan: () => 'por' },
    'ERR_SLUICE_PLAN',
    /^rateLimit: plan must be one of .*'por'/,
  ],
  'no plan': [
    { limiter: twoPlans, plan() {} },
    'ERR_SLUICE_PLAN',
    /^rateLimit: plan must be one of the limiter's plans: 'free', 'pro'; got undefined/,
  ],
  'a key that lacks a part': [
    { limiter: byParts, key: () => ({ tenant: 't1' }) },
    'ERR_SLUICE_KEY',
    /^rateLimit: key\.user must be a string/,
  ],
  'a key with an empty part': [
    { limiter: byParts, key: () => ({ tenant: 't1', user: '' }) },
    'ERR_SLUICE_KEY',
    /^rateLimit: key\.user .*got ''/,
  ],
  'a key with a part too many': [
    { limiter: byParts, key: () => ({ tenant: 't1', user: 'u', usr: 'u' }) },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^rateLimit: key: unknown part 'usr'. Did you mean 'user'/,
  ],
  'a string where parts are needed': [
    { limiter: byParts, key: () => 'ann' },
    'ERR_SLUICE_KEY',
    /^rateLimit: key must be an object of the parts .*\{ tenant, user \}; got 'ann'/,
  ],
  'no key where parts are needed': [
    { limiter: byParts, key: () => null },
    'ERR_SLUICE_KEY',
    /^rateLimit: key .*got null/,
  ],
  'parts where a string is needed': [
    { limiter: daily, key: () => ({ user: 'ann' }) },
    'ERR_SLUICE_KEY',
    /^rateLimit: key must be a string/,
  ],
  'limits of a policy that does not exist': [
    { limiter: daily, limits: () => ({ dayly: 1 }) },
    'ERR_SLUICE_UNKNOWN_OPTION',
    /^rateLimit: limits: unknown policy 'dayly'/,
  ],
  'limits that are no whole number': [
    { limiter: daily, limits: () => ({ daily: 1.5 }) },
    'ERR_SLUICE_LIMITS',
    /^rateLimit: limits\.daily.*1\.5/,
  ],
  'limits of null': [
    { limiter: daily, limits: () => null },
    'ERR_SLUICE_OPTIONS',
    /^rateLimit: limits.*null/,
  ],
  'a cost of text': [
    { limiter: daily, cost: async () => '2' },
    'ERR_SLUICE_COST',
    /^rateLimit: cost.*'2'/,
  ],
};
for (const [what, [options, code, message]] of Object.entries(failing)) {
  test(`a function that gives ${what} is an error that says so, and no admission`, async (t) => {
    const { send, errors } = await serve(t, (app) => app.use(rateLimit(options)));
    assert.equal((await send()).status, 500);
    assert.equal(errors[0].code, code, errors[0].message);
    assert.match(errors[0].message, message);
    assert.ok(errors[0].stack.includes(errors[0].message), 'the stack says it too');
  });
}
