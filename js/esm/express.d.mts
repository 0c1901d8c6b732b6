// Types of the ESM entry of 'sluice/express'.
import rateLimit = require('../../dist/express.js');

import type { Key, Policies } from '../../dist/limiter/types.js';

export { ipKeyGenerator } from '../../dist/express/compat/ip-key.js';
export { MemoryStore } from '../../dist/express/compat/memory-store.js';
export type {
  Client,
  ClientRateLimitInfo,
  DraftHeadersVersion,
  EnabledValidations,
  IncrementCallback,
  IncrementResponse,
  LegacyStore,
  Logger,
  LoggerFn,
  Options,
  RateLimitExceededEventHandler,
  RateLimitReachedEventHandler,
  RateLimitRequestHandler,
  Store,
  ValueDeterminingMiddleware,
} from '../../dist/express/compat/types.js';
export type { ReserveOptions } from '../../dist/express/reserve.js';
export { reserve } from '../../dist/express/reserve.js';
export { rateLimit };
export default rateLimit;
export declare const clientIp: typeof rateLimit.clientIp;
/** @deprecated Milliseconds; kept for users of express-rate-limit. */
export declare const SECOND: number;
/** @deprecated Milliseconds; kept for users of express-rate-limit. */
export declare const MINUTE: number;
/** @deprecated Milliseconds; kept for users of express-rate-limit. */
export declare const HOUR: number;
/** @deprecated Milliseconds; kept for users of express-rate-limit. */
export declare const DAY: number;
export type AugmentedRequest = rateLimit.AugmentedRequest;
export type RateLimitInfo<K extends Key = Key> = rateLimit.RateLimitInfo<K>;
export type RateLimitOptions<P extends Policies = Policies> = rateLimit.RateLimitOptions<P>;
