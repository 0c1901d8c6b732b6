// A guard as a handler of Express.

import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { addressKey, orAddress } from '../http/client-ip.js';
import { failureOf } from '../http/failure.js';
import { type HttpGuard, isPromise, type Outcome } from '../http/guard.js';
import { quotaIsKnown } from '../http/headers/quota.js';
import { PROBLEM_CONTENT_TYPE, problemOf } from '../http/problem.js';
import type { Later } from '../limiter/engine.js';
import { SluiceError } from '../limiter/errors.js';
import type { Decision, Key } from '../limiter/types.js';
import type { RequestOptions } from './options.js';

/**
 * The value of `req.rateLimit` after the middleware: the numbers of the binding policy, after this request.
 *
 * @example
 * import type { RateLimitInfo } from 'sluice/express';
 *
 * const shareLeft = ({ limit, remaining }: RateLimitInfo) => remaining / limit;
 * app.get('/', (req, res) => res.json(req.rateLimit && shareLeft(req.rateLimit)));
 */
export interface RateLimitInfo<K extends Key = Key> {
  /** The most requests (or units of cost) that are admitted at once, or in a window. */
  readonly limit: number;
  /** `limit - remaining`. Both are `NaN` when a rule answered: `onStoreError` or `onRequestError`. */
  readonly used: number;
  /** The largest cost that would be admitted now; never below 0. */
  readonly remaining: number;
  /** When the key equals a new one if nothing else comes, by this process's clock. */
  readonly resetTime: Date | undefined;
  /** The key that the request was counted under; `undefined` if it could not be judged, and `onRequestError` answered. */
  readonly key: K;
  /**
   * The limiter's decision, for `limiter.credit(key, cost, { of: decision })` or its `holder`. Not enumerable, so that
   * `res.json(req.rateLimit)` and copies have only the numbers. Missing with express-rate-limit's options, whose
   * store only counts.
   */
  readonly decision?: Decision;
}

/**
 * A request with its counts, under the name `rateLimit` or under another (`requestPropertyName`).
 *
 * @example
 * import { type AugmentedRequest, rateLimit } from 'sluice/express';
 *
 * app.use(rateLimit({ windowMs: 60_000, limit: 5, requestPropertyName: 'quota' }));
 * app.get('/', (req, res) => res.json((req as AugmentedRequest).quota?.remaining));
 */
export type AugmentedRequest = Request & {
  rateLimit: RateLimitInfo<string>;
  [key: string]: RateLimitInfo<string>;
};

declare global {
  namespace Express {
    interface Request {
      /** Set by Sluice's middleware unless it skipped the request. With several on the way, by the last. */
      rateLimit?: RateLimitInfo;
    }
  }
}

function info(key: Key | undefined, decision: Decision): RateLimitInfo {
  const { limit, remaining, resetAfterMs } = decision;
  const resetTime = quotaIsKnown(decision) ? new Date(Date.now() + resetAfterMs) : undefined;
  const numbers = { limit, used: limit - remaining, remaining, resetTime, key };
  return Object.defineProperty(numbers, 'decision', { value: decision }) as RateLimitInfo;
}

function answerWithProblem(res: Response, decision: Decision): void {
  const problem = problemOf(decision);
  res.statusCode = problem.status;
  res.setHeader('Content-Type', PROBLEM_CONTENT_TYPE);
  res.end(JSON.stringify(problem));
}

/** Hands a failure of a handler to Express, unless nobody is left to answer. */
function fail(thrown: unknown, name: string, req: Request, next: NextFunction): void {
  const error = failureOf(thrown, name, req);
  if (error !== undefined) next(error);
}

type KeyOption = RequestOptions<string, Key, string>['key'];

/** The key function, with the address for requests without a key if the options say so. */
export function keyOf({
  key,
  keyFallback,
}: Pick<RequestOptions<string, Key, string>, 'key' | 'keyFallback'>): NonNullable<KeyOption> {
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
  name: string,
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
    fail(thrown, name, req, next);
  };
  try {
    const answered: Later<unknown> = handler(req, res, passOn, decision);
    if (isPromise(answered)) answered.then(undefined, failed);
  } catch (thrown) {
    failed(thrown);
  }
}

/** The parts of a middleware. */
interface Parts {
  readonly guard: HttpGuard<Request, Response>;
  /** The middleware's name, for errors. */
  readonly name: string;
  readonly handler: Handler | undefined;
  /** Called for each request. */
  readonly noteRequest?: ((req: Request) => void) | undefined;
  /** Called for each admitted request, before it goes on. */
  readonly admitted?: ((outcome: Outcome, req: Request, res: Response) => void) | undefined;
}

/** Makes the middleware of a guard. */
export function guarded({ guard, name, handler, noteRequest, admitted }: Parts): RequestHandler {
  function deny(decision: Decision, req: Request, res: Response, next: NextFunction): void {
    if (res.writableEnded || res.destroyed) return; // The client left, or a time-out answered.
    if (res.headersSent) {
      const message = `a request was denied after its response had begun: put ${name} earlier`;
      next(new SluiceError('ERR_SLUICE_HEADERS_SENT', message));
    } else if (handler === undefined) {
      answerWithProblem(res, decision);
    } else {
      callHandler(handler, name, decision, req, res, next);
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
    if (decision.allowed) admitted?.(outcome, req, res);
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
