// Types of the ESM entry of 'sluice/express'.
import rateLimit = require('../../dist/express.js');

export { rateLimit };
export default rateLimit;
export type RateLimitInfo = rateLimit.RateLimitInfo;
export type RateLimitOptions<Name extends string = string> = rateLimit.RateLimitOptions<Name>;
