// Types of the ESM entry of 'sluice/express'.
import rateLimit = require('../../dist/express.js');

export { clientIp } from '../../dist/express/client-ip.js';
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
export type { AugmentedRequest, RateLimitInfo } from '../../dist/express/guarded.js';
export type { RateLimitOptions } from '../../dist/express/options.js';
export type { ReserveOptions } from '../../dist/express/reserve.js';
export { reserve } from '../../dist/express/reserve.js';
export { DAY, HOUR, MINUTE, SECOND } from '../../dist/express/units.js';
export { rateLimit };
export default rateLimit;
