// Two calls of a limit of one: a bundled or traced copy of the library works if it prints "true false".

import { createLimiter, tokenBucket } from 'sluice';

const limiter = createLimiter({ policies: tokenBucket({ capacity: 1, every: '1h' }) });
console.log(limiter.checkSync('a').allowed, limiter.checkSync('a').allowed);
