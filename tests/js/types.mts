// What compiles and what must not: the types of 'sluice'. Compiled by types.test.mjs.

import { createLimiter, type Decision, memory, redis, tokenBucket } from 'sluice';
import { manualClock } from 'sluice/testing';

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

export { later, onlyName, policy };
