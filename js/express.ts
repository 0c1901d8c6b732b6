// The entry 'sluice/express': a limiter as Express middleware.

import { type Info, type RateLimit, rateLimit } from './express/middleware.js';
import type { OptionsOfPolicies } from './express/options.js';
import type { Policies } from './limiter/types.js';

interface Entry extends RateLimit {
  readonly rateLimit: Entry;
  readonly default: Entry;
}

// `require('sluice/express')` is the function itself, and carries the names that `import` looks up.
const entry = Object.assign(rateLimit, { rateLimit, default: rateLimit }) as Entry;

declare namespace entry {
  /** The options of `rateLimit()`: for the middleware, and for the limiter that it makes. */
  export type RateLimitOptions<P extends Policies = Policies> = OptionsOfPolicies<P, never>;
  /** The value of `req.rateLimit` after the middleware. */
  export type RateLimitInfo = Info;
}

export = entry;
