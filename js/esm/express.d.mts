// Types of the ESM entry of 'sluice/express'.
import rateLimit = require('../../dist/express.js');

import type { Policies } from '../../dist/limiter/types.js';

export { rateLimit };
export default rateLimit;
export type RateLimitInfo = rateLimit.RateLimitInfo;
export type RateLimitOptions<P extends Policies = Policies> = rateLimit.RateLimitOptions<P>;
