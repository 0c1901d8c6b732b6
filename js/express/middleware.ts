// The Express middleware.

import type { Request, RequestHandler, Response } from 'express';
import { addressKey } from '../http/client-ip.js';
import { HttpGuard } from '../http/guard.js';
import { asHttpLimiter, makeLimiter } from '../http/limiter.js';
import { checkDefaultKey, checkDefaultPlan, within } from '../http/request-options.js';
import { watchCreation } from '../http/setup-warnings.js';
import { refuseSecond } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import type { Key, Plans, Policies } from '../limiter/types.js';
import { makeCompatMiddleware } from './compat/middleware.js';
import type { RateLimitRequestHandler } from './compat/types.js';
import { guarded, keyOf } from './guarded.js';
import type {
  Options,
  OptionsOfCompat,
  OptionsOfLimiter,
  OptionsOfPlans,
  OptionsOfPolicies,
} from './options.js';
import { isCompat, readOptions } from './options.js';
import { routeOf } from './route.js';

/**
 * Express middleware (4 and 5) that limits requests. Without an option of Sluice's own, it behaves as
 * express-rate-limit 8: see `makeCompatMiddleware`.
 *
 * With Sluice's options, an admitted request goes on (under a shaping policy after
 * `decision.delayMs`), with `RateLimit-Policy` and `RateLimit` headers and `req.rateLimit`. A denied one gets status
 * 429 (503 if a rule denied it) with problem+json and `Retry-After`.
 *
 * For a request that cannot be judged, `onRequestError` decides; default: 503. Failures of a store under `onStoreError:
 * 'throw'`, of `handler`, and of a callback under `onRequestError: 'throw'` go to `next(error)`, so to the application's
 * error handler. On a memory store the middleware is synchronous.
 *
 * @throws TypeError, RangeError with a code `ERR_SLUICE_*` for wrong options
 */
function makeMiddleware(given?: Options | null, second?: unknown): RequestHandler {
  refuseSecond(second, 'rateLimit', 'app.use(rateLimit({ policies }))');
  if (isCompat(given)) return makeCompatMiddleware(given ?? {});
  const { request: options, limiter: source } = readOptions(given);
  const limiter =
    'given' in source
      ? asHttpLimiter(source.given)
      : within('rateLimit', () => makeLimiter(source.options));
  const { plan, handler, keyFallback } = options;
  const key = keyOf(options);
  const guard = new HttpGuard<Request, Response>(
    limiter,
    ownOptions({ ...options, key, routeOf }),
    'rateLimit',
  );
  if (key === addressKey) checkDefaultKey(limiter, 'rateLimit.key');
  if (keyFallback !== undefined) checkDefaultKey(limiter, 'rateLimit.keyFallback');
  if (plan === undefined) checkDefaultPlan(limiter, 'rateLimit.plan');
  const noteRequest = 'given' in source ? undefined : watchCreation();

  return guarded({
    guard,
    name: 'rateLimit',
    handler,
    noteRequest,
    admitted: guard.refunds
      ? (outcome, req, res) => guard.refundLater(outcome, res, req, res)
      : undefined,
  });
}

/** `rateLimit`, typed by what it is given. */
export interface RateLimit {
  // The defaults make a wrong plan an error of the overload that is meant, and not of another.
  <const P extends Plans = Record<never, Policies>, const Shard extends string = never>(
    options: OptionsOfPlans<P, Shard>,
  ): RequestHandler;
  <Name extends string, K extends Key, Plan extends string = never>(
    options: OptionsOfLimiter<Name, K, Plan>,
  ): RequestHandler;
  // Without policies, express-rate-limit's options. Not an overload of its own: of more than three, the compiler
  // explains only the last.
  <const P extends Policies = never, const Shard extends string = never>(
    options?: { policies?: P; shardBy?: Shard } & ([P] extends [never]
      ? OptionsOfCompat
      : OptionsOfPolicies<P, Shard>),
  ): [P] extends [never] ? RateLimitRequestHandler : RequestHandler;
}

export const rateLimit = makeMiddleware as RateLimit;
