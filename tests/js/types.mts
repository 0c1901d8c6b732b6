// The types of 'sluice': code that must compile, and code that must not. types.test.mjs compiles it.

import {
  type Admission,
  type AnyLimiter,
  concurrency,
  createLimiter,
  type Decision,
  type FaultEvent,
  fixedWindow,
  gcra,
  type Limiter,
  type LimiterOptions,
  leakyBucket,
  memory,
  type Policy,
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

inMemory.checkSync('k', { id: 'job-1' });
void inMemory.wait('k', { id: 'job-1', maxWaitMs: 5 });
void inMemory.checkMany([{ key: 'k', id: 'job-1' }]);
// @ts-expect-error: an id is a text
inMemory.checkSync('k', { id: 1 });
// @ts-expect-error: a peek charges nothing
void inMemory.peek('k', { id: 'job-1' });

const byDefault = createLimiter({ policies: bucket, denialCache: true });
createLimiter({ policies: bucket, denialCache: false });
// @ts-expect-error: it is there or not
createLimiter({ policies: bucket, denialCache: 'always' });
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

// One policy alone is named 'default', in costs and limits too.
byDefault.checkSync('k', { cost: { default: 2 }, limits: { default: 5 } });
// @ts-expect-error: its name is 'default'
byDefault.checkSync('k', { cost: { burst: 2 } });
// @ts-expect-error: a limit is a number
byDefault.checkSync('k', { limits: { default: '5' } });

// Decisions, and what they hold.
const slot = createLimiter({ policies: concurrency({ limit: 1, ttl: '1m' }) }).checkSync('k');
const freed: Promise<boolean> | undefined = slot.holder?.release();
// @ts-expect-error: not every decision has a holder
slot.holder.release();
// @ts-expect-error: a decision is not written to
slot.allowed = true;
const source: 'store' | 'local' | 'cache' | 'allow' | 'deny' = slot.source;

// Blocks: of the parts that a policy counts by.
inMemory.block('k', '1h');
// @ts-expect-error: no unit 'w'
inMemory.block('k', '1w');
// @ts-expect-error: no part 'usr'
byParts.block({ usr: 'u1' }, '1h');
// @ts-expect-error: keys have parts
byParts.reset('t1');

// Charging under plans, by their policies.
byPlan.debit('k', { daily: 3 }, { plan: 'free' });
byPlan.credit('k', 1, { plan: 'pro', of: await byPlan.check('k', { plan: 'pro' }) });
// @ts-expect-error: the plan is missing
byPlan.debit('k', 3);
// @ts-expect-error: the plan is missing
byPlan.checkMany([{ key: 'k' }]);
// @ts-expect-error: no policy 'dayly'
byPlan.check('k', { plan: 'free', cost: { dayly: 1 } });
// @ts-expect-error: a signal is an AbortSignal
byPlan.wait('k', { plan: 'free', signal: new AbortController() });
const daily: number = byPlan.policies.daily.limit + (byPlan.plans.free.daily?.limit ?? 0);
// @ts-expect-error: no plan 'por'
byPlan.plans.por;

// Policies over parts: names of parts are inferred from one, several or none.
const byUser: Policy<'user'> = gcra({ limit: 1, every: '1s', by: 'user' });
const byAll: Policy<never> = leakyBucket({ capacity: 1, leak: 1, every: '1s', by: [] });
createLimiter({ policies: byAll }).checkSync('k');
// @ts-expect-error: it counts by users
const byTenant: Policy<'tenant'> = byUser;
// @ts-expect-error: parts are names
tokenBucket({ capacity: 1, every: '1s', by: 5 });

// Stand-ins fit wherever a limiter does.
const open: Limiter<'burst'> = allowAll();
const shut: SyncLimiter<'burst', { tenant: string }, 'free'> = denyAll({ retryAfterMs: 60_000 });

// Each algorithm's limiter may be handed on as one.
const handedOn: Limiter<'burst' | 'daily'> = inMemory;

export { byTenant, daily, either, freed, handedOn, later, onlyName, open, policy, shut, source };

// redis() accepts `undefined` for unset variables, but needs the address of Redis.
redis({ url: 'redis://h', username: process.env.USER, password: process.env.PASSWORD });
// @ts-expect-error: it may be undefined
redis(process.env.REDIS_URL);
// @ts-expect-error: it may be undefined
redis({ url: process.env.REDIS_URL });

// The messages on node:diagnostics_channel have types.
const rule: FaultEvent['decidedBy'] = 'local';
// @ts-expect-error: a fault is no breaker's state
const fault: FaultEvent['fault'] = 'open';

export { fault, rule };

// A wrapper of one's own.
const wrap = (options: LimiterOptions) => createLimiter(options);
const wrapped: Promise<Decision> = wrap({ policies: bucket }).check('k', { plan: 'any' });

export { wrapped };

// Keys are strings unless a policy says `by`, also where it is made in place.
const inPlace = createLimiter({
  policies: { burst: tokenBucket({ capacity: 1, every: '1s' }) },
  store: memory(),
});
inPlace.checkSync('k');
// @ts-expect-error: no policy says `by`
inPlace.checkSync({ user: 'u1' });
const inPlans = createLimiter({ plans: { free: fixedWindow({ limit: 1, window: '1s' }) } });
// @ts-expect-error: no policy says `by`
void inPlans.check({ user: 'u1' }, { plan: 'free' });
const alone = createLimiter({ policies: gcra({ limit: 1, every: '1s' }) });
// @ts-expect-error: no policy says `by`
alone.checkSync({ user: 'u1' });
const byUserInPlace = createLimiter({ policies: slidingLog({ limit: 1, window: 1, by: 'user' }) });
byUserInPlace.checkSync({ user: 'u1' });
// @ts-expect-error: no part 'usr'
byUserInPlace.checkSync({ usr: 'u1' });

// A limiter with plans needs one each time, and does not pass for one without; any limiter is an AnyLimiter.
// @ts-expect-error: it has plans
const withoutPlans: Limiter<'daily' | 'burst'> = byPlan;
// @ts-expect-error: it has no plan 'fre'
const otherPlan: Limiter<'daily' | 'burst', string, 'fre'> = byPlan;
const samePlans: Limiter<'daily' | 'burst', string, 'free' | 'pro'> = byPlan;
const unnamed: Limiter = inMemory;
const any: AnyLimiter[] = [byPlan, inMemory, byParts, inRedis, allowAll()];

// Durations: a number and a unit, with nothing between.
for (const window of ['250ms', '1.5s', '0.05h', '10d', 7] as const)
  fixedWindow({ limit: 1, window });
// @ts-expect-error: a space
fixedWindow({ limit: 1, window: '1 s' });
// @ts-expect-error: no number
fixedWindow({ limit: 1, window: 's' });

// With orThrow a denial rejects.
const admission: Promise<Admission<'burst' | 'daily'>> = inMemory.wait('k', { orThrow: true });
const admitted: true = (await admission).allowed;
const perhaps: Promise<Decision> = inMemory.wait('k', { orThrow: false });
// @ts-expect-error: a denial is a value
const surely: true = (await inMemory.wait('k')).allowed;
void byPlan.wait('k', { plan: 'free', orThrow: true });
// @ts-expect-error: the plan is missing
void byPlan.wait('k', { orThrow: true });

export { admitted, any, otherPlan, perhaps, samePlans, surely, unnamed, withoutPlans };
