// Plans that are misspelt. What the compiler says of each is looked at by types.test.mjs.

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
