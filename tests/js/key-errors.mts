// Wrong keys and misspelt policies. types.test.mjs checks the compiler's message for each.

import { createLimiter, tokenBucket } from 'sluice';

const burst = tokenBucket({ capacity: 1, every: '1s' });
const user = tokenBucket({ capacity: 1, every: '1s', by: 'user' });

void createLimiter({ policies: { burst } }).check({ user: 'u1' });
void createLimiter({ policies: { user } }).check({ usr: 'u1' });
void createLimiter({ policies: { burst } }).check('k', { cost: { brust: 1 } });
