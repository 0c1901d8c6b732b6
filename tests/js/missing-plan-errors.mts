// Calls without a plan. types.test.mjs checks the compiler's message for each.

import { createLimiter, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';

const plans = {
  free: tokenBucket({ capacity: 1, every: '1s' }),
  pro: tokenBucket({ capacity: 9, every: '1s' }),
};
const limiter = createLimiter({ plans });
const inRedis = createLimiter({ plans, store: redis('redis://localhost') });

// Calls:
limiter.checkSync('k');
void limiter.check('k');
void inRedis.check('k');
void limiter.check('k', { cost: 1 });
void limiter.checkMany([{ key: 'k' }]);
void limiter.wait('k');
void inRedis.peek('k');
void limiter.debit('k', 1);
void limiter.credit('k', 1);
void limiter.reserve('k', 1);
rateLimit({ plans });
rateLimit({ limiter });
