// What compiles and what must not: the types of 'sluice'. Compiled by types.test.mjs.

import {
  concurrency,
  createLimiter,
  type Decision,
  fixedWindow,
  type Limiter,
  memory,
  redis,
  type SyncLimiter,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { allowAll, denyAll, manualClock } from 'sluice/testing';

const bucket = tokenBucket({ capacity: 1, every: '1s' });
tokenBucket({ capacity: 1, refill: 2, every: 250 });
// @ts-expect-error: no unit 'w'
tokenBucket({ capacity: 1, every: '1w' });
// @ts-expect-error: no option 'evry'
tokenBucket({ capacity: 1, evry: '1s' });

const inMemory = createLimiter({ policies: { burst: bucket, daily: bucket }, store: memory() });
const decision: Decision<'burst' | 'daily'> = inMemory.checkSync('k', { cost: { burst: 2 } });
const policy: 'burst' | 'daily' = decision.policy;
// @ts-expect-error: no policy 'brust'
inMemory.checkSync('k', { cost: { brust: 2 } });
// @ts-expect-error: the key is missing
inMemory.checkSync();

const byDefault = createLimiter({ policies: bucket });
const onlyName: 'default' = byDefault.checkSync('k').policy;
createLimiter({ policies: bucket, store: memory({ clock: manualClock() }) }).checkSync('k');

const inRedis = createLimiter({ policies: { burst: bucket }, store: redis('redis://localhost') });
const later: Promise<Decision<'burst'>> = inRedis.check('k');
// @ts-expect-error: Redis answers later
inRedis.checkSync('k');
// @ts-expect-error: no option 'polices'
createLimiter({ polices: bucket });
// @ts-expect-error: no such rule
createLimiter({ policies: bucket, onStoreError: 'panic' });

// Every algorithm with its own numbers.
fixedWindow({ limit: 5, window: 'month', align: 'clock' });
slidingWindow({ limit: 5, window: '1m', blockFor: '1h', chargeDenied: true, enforce: false });
slidingLog({ limit: 5, window: 1000 });
concurrency({ limit: 5, ttl: '30s' });
// @ts-expect-error: no such alignment
fixedWindow({ limit: 5, window: '1m', align: 'wall' });
// @ts-expect-error: a log has a window
slidingLog({ limit: 5, every: '1m' });

// Limits of one call, by name.
inMemory.checkSync('k', { limits: { daily: 7500 } });
// @ts-expect-error: no policy 'dayly'
inMemory.checkSync('k', { limits: { dayly: 7500 } });
// @ts-expect-error: there are no plans
inMemory.checkSync('k', { plan: 'pro' });

// Keys of parts.
const byParts = createLimiter({
  policies: {
    tenant: tokenBucket({ capacity: 9, every: '1s', by: 'tenant' }),
    user: slidingLog({ limit: 9, window: '1s', by: ['tenant', 'user'] }),
    all: fixedWindow({ limit: 99, window: '1s', by: [] }),
  },
  shardBy: 'region',
});
byParts.checkSync({ tenant: 't1', user: 'u1', region: 'r1' });
byParts.block({ tenant: 't1', region: 'r1' }, '1h');
// @ts-expect-error: the user is missing
byParts.checkSync({ tenant: 't1', region: 'r1' });
// @ts-expect-error: no part 'usr'
byParts.checkSync({ tenant: 't1', usr: 'u1', region: 'r1' });
// @ts-expect-error: keys have parts
byParts.checkSync('u1');
// @ts-expect-error: keys are strings
inMemory.checkSync({ user: 'u1' });

// Plans.
const byPlan = createLimiter({
  plans: { free: { daily: bucket }, pro: { daily: bucket, burst: bucket } },
  store: redis('redis://localhost'),
});
const either: Promise<Decision<'daily' | 'burst'>> = byPlan.check('k', { plan: 'pro' });
byPlan.wait('k', { plan: 'free', maxWaitMs: 100, signal: AbortSignal.timeout(10) });
byPlan.checkMany([{ key: 'k', plan: 'free' }]);
// @ts-expect-error: no plan 'por'
byPlan.check('k', { plan: 'por' });
// @ts-expect-error: the plan is missing
byPlan.check('k');
// @ts-expect-error: either policies or plans
createLimiter({ policies: bucket, plans: { free: bucket } });

// Charging and giving back.
inMemory.debit('k', { daily: 3 });
inMemory.credit('k', 1, { of: decision });
// @ts-expect-error: a cost is needed
inMemory.debit('k');

// Stand-ins fit wherever a limiter does.
const open: Limiter<'burst'> = allowAll();
const shut: SyncLimiter<'burst', { tenant: string }, 'free'> = denyAll({ retryAfterMs: 60_000 });

// Each algorithm's limiter may be handed on as one.
const handedOn: Limiter<'burst' | 'daily'> = inMemory;

export { either, handedOn, later, onlyName, open, policy, shut };
