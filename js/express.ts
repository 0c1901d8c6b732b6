// The entry 'sluice/express': a limiter as Express middleware.

import type { Request as ExpressRequest } from 'express';
import { ipKeyGenerator } from './express/compat/ip-key.js';
import { MemoryStore } from './express/compat/memory-store.js';
import type * as compat from './express/compat/types.js';
import type { Info } from './express/guarded.js';
import { type RateLimit, rateLimit } from './express/middleware.js';
import type { OptionsOfPolicies } from './express/options.js';
import { type ReserveOptions as OptionsOfReserve, reserve } from './express/reserve.js';
import { addressKey } from './http/client-ip.js';
import type { Key, Policies } from './limiter/types.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * The client's address as a key: Sluice's default. `req.ip`, with 'trust proxy' applied; an IPv4 address in an IPv6
 * address is unwrapped, and any other IPv6 address is cut to its /56.
 *
 * @throws TypeError `ERR_SLUICE_CLIENT_IP` if the request has no address
 * @example
 * rateLimit({ policies, key: (req) => req.user?.id ?? clientIp(req) });
 */
const clientIp: (req: ExpressRequest) => string = addressKey;

interface Entry extends RateLimit {
  readonly rateLimit: Entry;
  readonly default: Entry;
  readonly ipKeyGenerator: typeof ipKeyGenerator;
  readonly clientIp: typeof clientIp;
  readonly reserve: typeof reserve;
  readonly MemoryStore: typeof MemoryStore;
  /** @deprecated Milliseconds; kept for users of express-rate-limit. */
  readonly SECOND: number;
  /** @deprecated Milliseconds; kept for users of express-rate-limit. */
  readonly MINUTE: number;
  /** @deprecated Milliseconds; kept for users of express-rate-limit. */
  readonly HOUR: number;
  /** @deprecated Milliseconds; kept for users of express-rate-limit. */
  readonly DAY: number;
}

// `require('sluice/express')` is the function itself, and carries the names that `import` looks up.
const entry = Object.assign(rateLimit, {
  rateLimit,
  default: rateLimit,
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
  /** The options of `rateLimit()`: for the middleware, and for the limiter that it makes. */
  export type RateLimitOptions<P extends Policies = Policies> = OptionsOfPolicies<P, never>;
  /** The value of `req.rateLimit` after the middleware. */
  export type RateLimitInfo<K extends Key = Key> = Info<K>;
  /** The options of `reserve()`. */
  export type ReserveOptions<
    Name extends string = string,
    K extends Key = string,
    Plan extends string = never,
  > = OptionsOfReserve<Name, K, Plan>;
  /** A request with the counts under any name (`requestPropertyName`). */
  export type AugmentedRequest = ExpressRequest & {
    rateLimit: Info<string>;
    [key: string]: Info<string>;
  };
  export type MemoryStore = import('./express/compat/memory-store.js').MemoryStore;
  export type Client = compat.Client;
  export type ClientRateLimitInfo = compat.ClientRateLimitInfo;
  export type DraftHeadersVersion = compat.DraftHeadersVersion;
  export type EnabledValidations = compat.EnabledValidations;
  export type IncrementCallback = compat.IncrementCallback;
  export type IncrementResponse = compat.IncrementResponse;
  export type LegacyStore = compat.LegacyStore;
  export type Logger = compat.Logger;
  export type LoggerFn = compat.LoggerFn;
  export type Options = compat.Options;
  export type RateLimitExceededEventHandler = compat.RateLimitExceededEventHandler;
  export type RateLimitReachedEventHandler = compat.RateLimitReachedEventHandler;
  export type RateLimitRequestHandler = compat.RateLimitRequestHandler;
  export type Store = compat.Store;
  export type ValueDeterminingMiddleware<T> = compat.ValueDeterminingMiddleware<T>;
}

export = entry;
