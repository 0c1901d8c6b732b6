// The entry 'sluice/express': a limiter as Express middleware.

import { clientIp } from './express/client-ip.js';
import { ipKeyGenerator } from './express/compat/ip-key.js';
import { MemoryStore } from './express/compat/memory-store.js';
import type * as compat from './express/compat/types.js';
import type * as guarded from './express/guarded.js';
import * as middleware from './express/middleware.js';
import type * as options from './express/options.js';
import { type ReserveOptions as OptionsOfReserve, reserve } from './express/reserve.js';
import { DAY, HOUR, MINUTE, SECOND } from './express/units.js';
import type { Key, Policies } from './limiter/types.js';

interface Entry extends middleware.RateLimit {
  /** The function itself. */
  readonly rateLimit: Entry;
  /** The function itself. */
  readonly default: Entry;
  /** The key of an address, for a `keyGenerator`. */
  readonly ipKeyGenerator: typeof ipKeyGenerator;
  /** The client's address as a key. */
  readonly clientIp: typeof clientIp;
  /** Makes middleware that holds a reservation for each request. */
  readonly reserve: typeof reserve;
  /** The default store of express-rate-limit's options. */
  readonly MemoryStore: typeof MemoryStore;
  /** @deprecated A second, in ms; kept for users of express-rate-limit. */
  readonly SECOND: number;
  /** @deprecated A minute, in ms; kept for users of express-rate-limit. */
  readonly MINUTE: number;
  /** @deprecated An hour, in ms; kept for users of express-rate-limit. */
  readonly HOUR: number;
  /** @deprecated A day, in ms; kept for users of express-rate-limit. */
  readonly DAY: number;
}

/**
 * Makes Express middleware (4 and 5) that limits requests: by Sluice's policies, or with the options of
 * express-rate-limit 8. `require('sluice/express')` is this function too.
 *
 * @example
 * import { tokenBucket } from 'sluice';
 * import { rateLimit } from 'sluice/express';
 *
 * app.use(rateLimit({ policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) }));
 * app.use('/login', rateLimit({ windowMs: 15 * 60_000, limit: 5 })); // express-rate-limit's options
 */
const entry = Object.assign(middleware.rateLimit, {
  rateLimit: middleware.rateLimit,
  default: middleware.rateLimit,
  ipKeyGenerator,
  clientIp,
  reserve,
  MemoryStore,
  SECOND,
  MINUTE,
  HOUR,
  DAY,
}) as Entry;

declare namespace entry {
  // An alias shows no comment of its target, so the first lines of those stand here again.
  /** The options of `rateLimit()` with policies: for the middleware, and for the limiter that it makes. */
  export type RateLimitOptions<P extends Policies = Policies> = options.RateLimitOptions<P>;
  /** The value of `req.rateLimit` after the middleware: the numbers of the binding policy, after this request. */
  export type RateLimitInfo<K extends Key = Key> = guarded.RateLimitInfo<K>;
  /** The options of `reserve()`. */
  export type ReserveOptions<
    Name extends string = string,
    K extends Key = string,
    Plan extends string = never,
  > = OptionsOfReserve<Name, K, Plan>;
  /** A request with its counts, under the name `rateLimit` or under another (`requestPropertyName`). */
  export type AugmentedRequest = guarded.AugmentedRequest;
  /** The default store of express-rate-limit's options: counts in this process. */
  export type MemoryStore = import('./express/compat/memory-store.js').MemoryStore;
  /** The count of a key in a `MemoryStore`. */
  export type Client = compat.Client;
  /** The count of a key. */
  export type ClientRateLimitInfo = compat.ClientRateLimitInfo;
  /** The drafts that `standardHeaders` names. */
  export type DraftHeadersVersion = compat.DraftHeadersVersion;
  /** Validations to switch on or off by name; `default` is for all others. */
  export type EnabledValidations = compat.EnabledValidations;
  /** Receives the answer of a `LegacyStore`. */
  export type IncrementCallback = compat.IncrementCallback;
  /** The answer of a store to a counted request. */
  export type IncrementResponse = compat.IncrementResponse;
  /** A store written for express-rate-limit 5 or earlier. */
  export type LegacyStore = compat.LegacyStore;
  /** Receives the log entries of the middleware. */
  export type Logger = compat.Logger;
  /** Logs an error or a warning, with an optional explanation. */
  export type LoggerFn = compat.LoggerFn;
  /** The options of express-rate-limit 8. All are optional; unknown ones are logged. */
  export type Options = compat.Options;
  /** Answers a denied request; `next()` lets it pass. Its status is still 200. */
  export type RateLimitExceededEventHandler = compat.RateLimitExceededEventHandler;
  /** Kept for annotations: express-rate-limit 7 removed its option `onLimitReached`. */
  export type RateLimitReachedEventHandler = compat.RateLimitReachedEventHandler;
  /** The middleware, with access to its store. */
  export type RateLimitRequestHandler = compat.RateLimitRequestHandler;
  /** Counts requests by key. Any store written for express-rate-limit 6 or later is one. */
  export type Store = compat.Store;
  /** A function of the request, sync or async. */
  export type ValueDeterminingMiddleware<T> = compat.ValueDeterminingMiddleware<T>;
}

export = entry;
