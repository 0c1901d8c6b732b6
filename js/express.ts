// The entry 'sluice/express': a limiter as Express middleware.

import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { SluiceError, typeError } from './errors.js';
import { type Options, type RequestOptions, readOptions } from './express-options.js';
import {
  draft10LimitField,
  draft10PolicyField,
  quotaIsKnown,
  retryAfterSeconds,
} from './headers.js';
import { clientIpKey } from './http-client-ip.js';
import { hold } from './http-hold.js';
import { asHttpLimiter, type HttpLimiter, isSync, makeLimiter } from './http-limiter.js';
import { PROBLEM_CONTENT_TYPE, problemOf } from './http-problem.js';
import type { Cost, Decision, Policy } from './types.js';

/** What `req.rateLimit` tells the handlers after the middleware: of the policy that binds, after this request. */
interface Info {
  readonly limit: number;
  /** `limit - remaining`. Both are `NaN` when the store failed and a rule answered for it. */
  readonly used: number;
  readonly remaining: number;
  /** When the key equals a new one if nothing else comes, by this process's clock. */
  readonly resetTime: Date | undefined;
  readonly key: string;
}

declare global {
  namespace Express {
    interface Request {
      /** Set by Sluice's middleware unless it skipped the request. With several on the way, by the last. */
      rateLimit?: Info;
    }
  }
}

interface Verdict<Name extends string> {
  readonly key: string;
  readonly decision: Decision<Name>;
}

type Later<T> = T | Promise<T>;

function isPromise<T>(value: Later<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function';
}

// Goes on at once where it can: a limiter in this process then costs a request no turn of the microtask queue.
function chain<T, U>(value: Later<T>, go: (value: T) => Later<U>): Later<U> {
  return isPromise(value) ? Promise.resolve(value).then(go) : go(value);
}

/** Puts requests to the limiter: skip, then key, then cost, then check. `undefined` for one to be skipped. */
function asker<Name extends string>(
  limiter: HttpLimiter<Name>,
  { key: keyOf = (req) => clientIpKey(req.ip), cost: costOf, skip }: RequestOptions<Name>,
): (req: Request, res: Response) => Later<Verdict<Name> | undefined> {
  function check(key: string, options?: { cost: Cost<Name> }): Later<Verdict<Name>> {
    const decision = isSync(limiter)
      ? limiter.checkSync(key, options)
      : limiter.check(key, options);
    return chain(decision, (decision) => ({ key, decision }));
  }

  function charge(req: Request, res: Response): Later<Verdict<Name>> {
    return chain(keyOf(req, res), (key) => {
      if (typeof key !== 'string' || key === '') {
        throw typeError('ERR_SLUICE_KEY', 'the result of key(req, res)', key, 'a non-empty string');
      }
      if (costOf === undefined) return check(key);
      return chain(costOf(req, res), (cost) => {
        // To the limiter, no cost means 1; here it is a forgotten `return`.
        if (cost !== undefined) return check(key, { cost });
        throw typeError('ERR_SLUICE_COST', 'the result of cost(req, res)', cost, 'a cost');
      });
    });
  }

  if (skip === undefined) return charge;
  return (req, res) => chain(skip(req, res), (skipped) => (skipped ? undefined : charge(req, res)));
}

/** Writes the headers of a decision. */
function headerWriter(
  policies: Readonly<Record<string, Policy>>,
  { headers = 'draft-10', retryAfterJitter }: RequestOptions,
): (res: Response, decision: Decision) => void {
  if (headers === false) return () => {};
  const policyField = draft10PolicyField(policies);
  return (res, decision) => {
    if (res.headersSent) return;
    const limitField = draft10LimitField(decision);
    if (limitField !== undefined) {
      res.setHeader('RateLimit-Policy', policyField);
      res.setHeader('RateLimit', limitField);
    }
    const retryAfter = retryAfterSeconds(decision, retryAfterJitter);
    if (retryAfter !== undefined) res.setHeader('Retry-After', retryAfter);
  };
}

function info(key: string, decision: Decision): Info {
  const { limit, remaining, resetAfterMs } = decision;
  const resetTime = quotaIsKnown(decision) ? new Date(Date.now() + resetAfterMs) : undefined;
  return { limit, used: limit - remaining, remaining, resetTime, key };
}

function answerWithProblem(res: Response, decision: Decision): void {
  const problem = problemOf(decision);
  res.statusCode = problem.status;
  res.setHeader('Content-Type', PROBLEM_CONTENT_TYPE);
  res.end(JSON.stringify(problem));
}

/** Hands a failure on. Whatever was thrown, `next` must not take it for "go on". */
function fail(error: unknown, req: Request, next: NextFunction): void {
  if (typeof error !== 'object' || error === null) {
    const message = 'a function given to rateLimit threw what is not an error';
    next(new SluiceError('ERR_SLUICE_CALLBACK', message, { cause: error }));
    return;
  }
  // A client that has hung up has no address any more. There is nobody to answer, and nothing to report.
  if ((error as SluiceError).code === 'ERR_SLUICE_CLIENT_IP' && req.socket.destroyed) return;
  next(error);
}

/**
 * Express middleware (4 and 5) that asks a limiter about each request. An admitted one goes on (under
 * a shaping policy after `decision.delayMs`), with `RateLimit-Policy` and `RateLimit` headers and
 * `req.rateLimit`; a denied one is answered 429 (503 where a
 * store failed and the rule is to deny) with problem+json and `Retry-After`.
 *
 * What fails (a callback, a store under `onStoreError: 'throw'`) goes to `next(error)`, so to the
 * application's error handler. On a memory store the middleware is synchronous.
 *
 * @throws TypeError, RangeError with a code `ERR_SLUICE_*` for wrong options
 */
function rateLimit<Name extends string = 'default'>(given: Options<Name>): RequestHandler {
  const { request: options, limiter: source } = readOptions<Name>(given);
  const limiter =
    'given' in source ? asHttpLimiter(source.given) : makeLimiter<Name>(source.options);
  const ask = asker(limiter, options);
  const writeHeaders = headerWriter(limiter.policies, options as RequestOptions);
  const { handler } = options;

  function deny(decision: Decision<Name>, req: Request, res: Response, next: NextFunction): void {
    if (res.writableEnded || res.destroyed) return; // The client left, or a time-out answered.
    if (res.headersSent) {
      const message = 'a request was denied after its response had begun: put rateLimit earlier';
      next(new SluiceError('ERR_SLUICE_HEADERS_SENT', message));
    } else if (handler === undefined) {
      answerWithProblem(res, decision);
    } else {
      try {
        const answered: Later<unknown> = handler(req, res, next, decision);
        if (isPromise(answered)) answered.then(undefined, (error) => fail(error, req, next));
      } catch (error) {
        fail(error, req, next);
      }
    }
  }

  function settle(
    verdict: Verdict<Name> | undefined,
    req: Request,
    res: Response,
    next: NextFunction,
  ): void {
    if (verdict === undefined) {
      next();
      return;
    }
    const { key, decision } = verdict;
    req.rateLimit = info(key, decision);
    writeHeaders(res, decision);
    if (!decision.allowed) deny(decision, req, res, next);
    else if (decision.delayMs > 0) hold(decision.delayMs, res, next);
    else next();
  }

  return (req, res, next) => {
    let verdict: Later<Verdict<Name> | undefined>;
    try {
      verdict = ask(req, res);
    } catch (error) {
      return fail(error, req, next);
    }
    if (!isPromise(verdict)) return settle(verdict, req, res, next);
    verdict.then(
      (verdict) => settle(verdict, req, res, next),
      (error) => fail(error, req, next),
    );
  };
}

interface RateLimit {
  <Name extends string = 'default'>(options: Options<Name>): RequestHandler;
  readonly rateLimit: RateLimit;
  readonly default: RateLimit;
}

// `require('sluice/express')` is the function itself; it also answers to the names that an import asks for.
const entry: RateLimit = Object.assign(rateLimit, { rateLimit, default: rateLimit }) as RateLimit;

declare namespace entry {
  export type RateLimitOptions<Name extends string = string> = Options<Name>;
  export type RateLimitInfo = Info;
}

export = entry;
