// Costs and limits by policy name under plans of which only some have the policy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedWindow, memory } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit } from 'sluice/nestjs';
import { manualClock } from 'sluice/testing';
import { serve } from '../support/express.mjs';
import { still } from '../support/limits.mjs';
import { controller, platforms, start } from '../support/nestjs.mjs';

const calls = fixedWindow({ limit: 10, window: '1h' });
const daily = fixedWindow({ limit: 10, window: '1d' });
const plans = { free: { calls }, pro: { calls, daily } };
const left = ({ policies }) => policies.map(({ policy, remaining }) => [policy, remaining]);

test('a policy that the plan lacks costs nothing, and those that are not named cost 1', async () => {
  const { limiter } = still(undefined, { plans });
  const cost = { daily: 5 };
  assert.deepEqual(left(limiter.checkSync('k', { plan: 'free', cost })), [['calls', 9]]);
  assert.deepEqual(left(limiter.checkSync('k', { plan: 'pro', cost })), [
    ['calls', 8],
    ['daily', 5],
  ]);
  await limiter.debit('k', { daily: 2 }, { plan: 'free' });
  await limiter.debit('k', { daily: 2 }, { plan: 'pro' });
  const cheap = { plan: 'pro', cost: 0 };
  assert.deepEqual(left(limiter.checkSync('k', cheap)), [
    ['calls', 8],
    ['daily', 3],
  ]);
  await limiter.credit('k', { daily: 1 }, { plan: 'free' });
  await limiter.credit('k', { daily: 1 }, { plan: 'pro' });
  assert.deepEqual(left(limiter.checkSync('k', cheap)), [
    ['calls', 8],
    ['daily', 4],
  ]);
});

test('a limit of a policy that the plan lacks changes nothing', () => {
  const { limiter } = still(undefined, { plans });
  const limits = { daily: 3 };
  assert.equal(limiter.checkSync('k', { plan: 'free', limits }).limit, 10);
  const { policies } = limiter.checkSync('k', { plan: 'pro', limits });
  assert.deepEqual(
    policies.map(({ limit }) => limit),
    [10, 3],
  );
});

test('a wrong value under a name is refused, whichever plan has it', () => {
  const { limiter } = still(undefined, { plans });
  for (const plan of ['free', 'pro']) {
    for (const [given, code, argument] of [
      [{ cost: { daily: -1 } }, 'ERR_SLUICE_COST', 'cost.daily'],
      [{ cost: { daily: '5' } }, 'ERR_SLUICE_COST', 'cost.daily'],
      [{ limits: { daily: 1.5 } }, 'ERR_SLUICE_LIMITS', 'limits.daily'],
      [{ limits: { daily: 2 ** 42 + 1 } }, 'ERR_SLUICE_LIMITS', 'limits.daily'],
      [{ cost: { dayly: 1 } }, 'ERR_SLUICE_UNKNOWN_OPTION', 'cost.dayly'],
    ]) {
      assert.throws(() => limiter.checkSync('k', { plan, ...given }), { code, argument });
    }
  }
});

const planOf = ({ headers }) => headers['x-plan'];
const options = () => ({
  plans,
  store: memory({ clock: manualClock() }),
  key: () => 'one',
  plan: planOf,
});
const as = (plan) => ({ headers: { 'x-plan': plan } });
const fields = [
  ['free', /^"calls";r=9;/],
  ['pro', /^"daily";r=5;/],
];

for (const [how, cost] of [
  ['fixed', { daily: 5 }],
  ['a function', () => ({ daily: 5 })],
]) {
  test(`Express: a cost by name, ${how}, is right under each plan`, async (t) => {
    const app = rateLimit({ ...options(), cost });
    const { send } = await serve(t, (server) => server.use(app));
    for (const [plan, field] of fields) {
      const { status, headers } = await send('/', as(plan));
      assert.equal(status, 200);
      assert.match(headers.ratelimit, field);
    }
  });

  for (const [platform, adapter] of Object.entries(platforms)) {
    test(`${platform}: a cost by name, ${how}, of the module or a decorator, is right under each plan`, async (t) => {
      const handlers = { a: [], b: [RateLimit({ cost, limits: { daily: 10 } })] };
      const module = { ...options(), cost, limits: { daily: 10 }, global: true };
      const { send } = await start(t, adapter, module, { controllers: [controller(handlers)] });
      for (const [plan, field] of fields) {
        const { status, headers } = await send('/a', as(plan));
        assert.equal(status, 200);
        assert.match(headers.ratelimit, field);
        assert.equal((await send('/b', as(plan))).status, 200);
      }
    });
  }
}
