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
  /**
   * Makes Express middleware that limits each request by the policies of a plan, which `plan` chooses. Takes the
   * options of `createLimiter`, and those about requests.
   *
   * A denied request gets status 429 with problem+json and `Retry-After`. For a request that cannot
   * be judged, `onRequestError` decides. Errors of a store under `onStoreError: 'throw'` go to `next(error)`.
   *
   * @throws TypeError, RangeError with a code `ERR_SLUICE_*` that name the option and the value
   * @example
   * import { fixedWindow } from 'sluice';
   * import { rateLimit } from 'sluice/express';
   *
   * app.use(
   *   rateLimit({
   *     plans: {
   *       free: { daily: fixedWindow({ limit: 100, window: '1d' }) },
   *       pro: { daily: fixedWindow({ limit: 5000, window: '1d' }) },
   *     },
   *     plan: (req) => (req.get('x-plan') === 'pro' ? 'pro' : 'free'), // your own look-up
   *   }),
   * );
   */
  <const P extends Plans = Record<never, Policies>, const Shard extends string = never>(
    options: OptionsOfPlans<P, Shard>,
  ): RequestHandler;
  /**
   * Makes Express middleware that limits requests by a limiter of `createLimiter`: to share it between routes, or to
   * reset and credit its keys.
   *
   * A denied request gets status 429 with problem+json and `Retry-After`. For a request that cannot
   * be judged, `onRequestError` decides. Errors of a store under `onStoreError: 'throw'` go to `next(error)`.
   *
   * @throws TypeError, RangeError with a code `ERR_SLUICE_*` that name the option and the value
   * @example
   * import { createLimiter, tokenBucket } from 'sluice';
   * import { rateLimit } from 'sluice/express';
   *
   * const limiter = createLimiter({ policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) });
   * app.use('/api', rateLimit({ limiter }));
   * app.use('/search', rateLimit({ limiter, cost: 5 }));
   */
  <Name extends string, K extends Key, Plan extends string = never>(
    options: OptionsOfLimiter<Name, K, Plan>,
  ): RequestHandler;
  // Without policies, express-rate-limit's options. Not an overload of its own: of more than three, the compiler
  // explains only the last.
  /**
   * Makes Express middleware (4 and 5) that limits the requests of each client.
   *
   * With `policies`: takes the options of `createLimiter`, and those about requests (`key`, `cost`, `limits`, `skip`,
   * `headers`, `handler` and others). A denied request gets status 429 with problem+json and `Retry-After`.
   * Errors of a store under `onStoreError: 'throw'` go to `next(error)`.
   *
   * Without an option of Sluice's own, it behaves as express-rate-limit 8, with its options, defaults (5 requests in
   * 60 s) and headers.
   *
   * @throws TypeError, RangeError with a code `ERR_SLUICE_*` that name the option and the value. A mistake in
   *   express-rate-limit's options is logged instead, except for `store`
   * @example
   * import { redis, tokenBucket } from 'sluice';
   * import { rateLimit } from 'sluice/express';
   *
   * app.use(rateLimit({ policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) }));
   *
   * // In Redis, by user:
   * app.use(
   *   rateLimit({
   *     policies: { daily: tokenBucket({ capacity: 5000, every: '1d' }) },
   *     store: redis('redis://localhost:6379'),
   *     prefix: 'shop',
   *     key: (req) => req.get('x-user'), // your authentication
   *     keyFallback: 'ip',
   *   }),
   * );
   *
   * // express-rate-limit's options:
   * app.use(rateLimit({ windowMs: 15 * 60_000, limit: 100, standardHeaders: 'draft-8' }));
   */
  <const P extends Policies = never, const Shard extends string = never>(
    options?: { policies?: P; shardBy?: Shard } & ([P] extends [never]
      ? OptionsOfCompat
      : OptionsOfPolicies<P, Shard>),
  ): [P] extends [never] ? RateLimitRequestHandler : RequestHandler;
}

export const rateLimit = makeMiddleware as RateLimit;
