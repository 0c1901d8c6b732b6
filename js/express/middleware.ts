// The Express middleware.

import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { addressKey, orAddress } from '../http/client-ip.js';
import { failureOf } from '../http/failure.js';
import { HttpGuard, isPromise, type Outcome } from '../http/guard.js';
import { quotaIsKnown } from '../http/headers/quota.js';
import { asHttpLimiter, makeLimiter } from '../http/limiter.js';
import { PROBLEM_CONTENT_TYPE, problemOf } from '../http/problem.js';
import { checkDefaultKey, checkDefaultPlan, within } from '../http/request-options.js';
import { watchCreation } from '../http/setup-warnings.js';
import type { Later } from '../limiter/engine.js';
import { refuseSecond, SluiceError } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import type { Decision, Key, Plans, Policies } from '../limiter/types.js';
import { makeCompatMiddleware } from './compat/middleware.js';
import type { RateLimitRequestHandler } from './compat/types.js';
import type {
  Options,
  OptionsOfCompat,
  OptionsOfLimiter,
  OptionsOfPlans,
  OptionsOfPolicies,
  RequestOptions,
} from './options.js';
import { isCompat, readOptions } from './options.js';
import { routeOf } from './route.js';

/** The value of `req.rateLimit` after the middleware: the numbers of the binding policy, after this request. */
export interface Info<K extends Key = Key> {
  readonly limit: number;
  /** `limit - remaining`. Both are `NaN` when a rule answered: `onStoreError` or `onRequestError`. */
  readonly used: number;
  readonly remaining: number;
  /** When the key equals a new one if nothing else comes, by this process's clock. */
  readonly resetTime: Date | undefined;
  /** `undefined` if the request could not be judged, and `onRequestError` answered for it. */
  readonly key: K;
  /**
   * The limiter's decision, for `limiter.credit(key, cost, { of: decision })` or its `holder`. Not enumerable, so that
   * `res.json(req.rateLimit)` and copies have only the numbers. Missing with express-rate-limit's options, whose
   * store only counts.
   */
  readonly decision?: Decision;
}

declare global {
  namespace Express {
    interface Request {
      /** Set by Sluice's middleware unless it skipped the request. With several on the way, by the last. */
      rateLimit?: Info;
    }
  }
}

function info(key: Key | undefined, decision: Decision): Info {
  const { limit, remaining, resetAfterMs } = decision;
  const resetTime = quotaIsKnown(decision) ? new Date(Date.now() + resetAfterMs) : undefined;
  const numbers = { limit, used: limit - remaining, remaining, resetTime, key };
  return Object.defineProperty(numbers, 'decision', { value: decision }) as Info;
}

function answerWithProblem(res: Response, decision: Decision): void {
  const problem = problemOf(decision);
  res.statusCode = problem.status;
  res.setHeader('Content-Type', PROBLEM_CONTENT_TYPE);
  res.end(JSON.stringify(problem));
}

/** Hands a failure of a handler to Express, unless nobody is left to answer. */
function fail(thrown: unknown, req: Request, next: NextFunction): void {
  const error = failureOf(thrown, 'rateLimit', req);
  if (error !== undefined) next(error);
}

type KeyOption = RequestOptions<string, Key, string>['key'];

/** The key function, with the address for requests without a key if the options say so. */
function keyOf({ key, keyFallback }: RequestOptions<string, Key, string>): NonNullable<KeyOption> {
  if (key === undefined) return addressKey;
  if (keyFallback === undefined) return key;
  return (req, res) => orAddress(key(req, res), req);
}

type Handler = NonNullable<RequestOptions<string, Key, string>['handler']>;

/**
 * Has the handler answer a denied request, with the status set. If the handler lets the request pass (`next()`) or
 * fails, the status is as before.
 */
function callHandler(
  handler: Handler,
  decision: Decision,
  req: Request,
  res: Response,
  next: NextFunction,
): void {
  const before = res.statusCode;
  const { status } = problemOf(decision);
  res.statusCode = status;
  const takeBack = () => {
    if (!res.headersSent && res.statusCode === status) res.statusCode = before;
  };
  const passOn = (argument?: unknown) => {
    if (!argument || argument === 'route' || argument === 'router') takeBack();
    next(argument);
  };
  const failed = (thrown: unknown) => {
    takeBack();
    fail(thrown, req, next);
  };
  try {
    const answered: Later<unknown> = handler(req, res, passOn, decision);
    if (isPromise(answered)) answered.then(undefined, failed);
  } catch (thrown) {
    failed(thrown);
  }
}

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

  function deny(decision: Decision, req: Request, res: Response, next: NextFunction): void {
    if (res.writableEnded || res.destroyed) return; // The client left, or a time-out answered.
    if (res.headersSent) {
      const message = 'a request was denied after its response had begun: put rateLimit earlier';
      next(new SluiceError('ERR_SLUICE_HEADERS_SENT', message));
    } else if (handler === undefined) {
      answerWithProblem(res, decision);
    } else {
      callHandler(handler, decision, req, res, next);
    }
  }

  function settle(outcome: Outcome | undefined, req: Request, res: Response, next: NextFunction) {
    if (outcome === undefined) {
      next();
      return;
    }
    const { key, decision } = outcome;
    guard.settle(outcome, res, res.headersSent ? undefined : res);
    req.rateLimit = info(key, decision);
    if (guard.refunds && decision.allowed) guard.refundLater(outcome, res, req, res);
    if (!decision.allowed) deny(decision, req, res, next);
    else if (decision.delayMs > 0) guard.delay(outcome, res, next);
    else next();
  }

  /** Decides about a request that the guard did not judge. */
  function rule(thrown: unknown, req: Request, res: Response, next: NextFunction) {
    let outcome: Outcome | undefined;
    try {
      outcome = guard.outcomeOf(thrown, req, res);
    } catch (error) {
      next(error);
      return;
    }
    if (outcome !== undefined) settle(outcome, req, res, next);
  }

  return (req, res, next) => {
    noteRequest?.(req);
    let outcome: Later<Outcome | undefined>;
    try {
      outcome = guard.ask(req, res);
    } catch (thrown) {
      return rule(thrown, req, res, next);
    }
    if (!isPromise(outcome)) return settle(outcome, req, res, next);
    outcome.then(
      (outcome) => settle(outcome, req, res, next),
      (thrown) => rule(thrown, req, res, next),
    );
  };
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
