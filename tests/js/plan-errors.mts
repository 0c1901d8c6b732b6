// Misspelt plans. types.test.mjs checks the compiler's message for each.

import { createLimiter, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';

const plans = {
  free: tokenBucket({ capacity: 1, every: '1s' }),
  pro: tokenBucket({ capacity: 9, every: '1s' }),
};
const limiter = createLimiter({ plans });

void limiter.check('k', { plan: 'por' });
rateLimit({ limiter, plan: 'por' });
rateLimit({ plans, plan: 'por' });
