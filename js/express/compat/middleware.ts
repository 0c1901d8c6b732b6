// The compatibility mode: middleware with the options and the behaviour of express-rate-limit 8.

import type { NextFunction, Request, Response } from 'express';
import { failureOf } from '../../http/failure.js';
import {
  type CompatRequestOption,
  describeFailure,
  isAnswer,
  printableRoute,
  publishRequestWarning,
} from '../../http/request-failure.js';
import { refundWhenEnded } from '../../http/response-end.js';
import { SluiceStore } from '../../stores/express-rate-limit.js';
import { routeOf } from '../route.js';
import { withDeadline } from './deadline.js';
import { resetSeconds, writeDraft6, writeDraft7, writeDraft8, writeLegacy } from './headers.js';
import { MemoryStore } from './memory-store.js';
import { type CompatConfig, readCompatOptions } from './options.js';
import type {
  Options,
  RateLimitRequestHandler,
  Store,
  ValueDeterminingMiddleware,
} from './types.js';

/** The counts of a request, under the name that `requestPropertyName` gives. */
interface CompatInfo {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  readonly resetTime: Date | undefined;
  readonly key: string;
}

function resolve<T>(value: T | ValueDeterminingMiddleware<T>, req: Request, res: Response) {
  return typeof value === 'function' ? (value as ValueDeterminingMiddleware<T>)(req, res) : value;
}

/** One counted request, and the store that counted it. */
interface Hit {
  readonly store: Store;
  readonly totalHits: number;
  readonly resetTime: Date | undefined;
}

/** Thrown for a request whose callback failed: the error is for the framework. */
class CallbackFailure {
  readonly option: CompatRequestOption | 'skip';
  readonly error: unknown;

  constructor(option: CompatRequestOption | 'skip', error: unknown) {
    this.option = option;
    this.error = error;
  }
}

/** Publishes the event about a callback's error, unless that is an answer of the application. */
function publishFailure({ option }: CallbackFailure, error: object, req: Request): void {
  if (isAnswer(error)) return;
  const route = printableRoute(routeOf(req));
  const detail = describeFailure('rateLimit', option, route, error);
  publishRequestWarning({ detail, option, route, error });
}

class CompatLimiter {
  readonly #config: CompatConfig;
  readonly #increment: Store['increment'];
  #isStoreDown = false;

  constructor(config: CompatConfig) {
    this.#config = config;
    const { store } = config.options;
    // Ours answer at once, or have a deadline of their own.
    const isOurs = store instanceof MemoryStore || store instanceof SluiceStore;
    this.#increment = isOurs ? (key) => store.increment(key) : withDeadline(store);
  }

  /** Judges a request; true: it passes. A denied one has been answered. */
  async judge(req: Request, res: Response, next: NextFunction): Promise<boolean> {
    const { options, validations } = this.#config;
    /** The option that is called. */
    let callback: CompatRequestOption | 'skip' | undefined = 'skip';
    try {
      if (await options.skip(req, res)) return true;
      callback = 'keyGenerator';
      const key = await options.keyGenerator(req, res);
      callback = undefined;
      const hit = await this.#count(key);
      if (hit === undefined) return true;
      const { store, totalHits, resetTime } = hit;
      validations.run('positiveHits', totalHits);
      validations.run('singleCount', req, store, key);
      callback = 'limit';
      const limit = await resolve(options.limit, req, res);
      callback = undefined;
      validations.run('limit', limit);
      const remaining = Math.max(limit - totalHits, 0);
      const info: CompatInfo = { limit, used: totalHits, remaining, resetTime, key };
      // The name of `used` in express-rate-limit 6.
      Object.defineProperty(info, 'current', { value: totalHits });
      Reflect.set(req, options.requestPropertyName, info);
      callback = 'identifier';
      await this.#writeHeaders(info, req, res);
      callback = undefined;
      this.#refundLater(hit, key, req, res);
      validations.end();
      if (!(totalHits > limit)) return true;
      callback = 'retryAfter';
      await this.#writeRetryAfter(info, req, res);
      callback = undefined;
      await options.handler(req, res, next, options);
      return false;
    } catch (error) {
      throw callback === undefined ? error : new CallbackFailure(callback, error);
    }
  }

  /** Counts a request; `undefined`: the store failed, and the rule is to admit. */
  async #count(key: string): Promise<Hit | undefined> {
    const { options, fallback } = this.#config;
    const { store, logger } = options;
    try {
      const { totalHits, resetTime } = await this.#increment(key);
      this.#isStoreDown = false;
      return { store, totalHits, resetTime };
    } catch (error) {
      if (options.passOnStoreError) {
        logger.error(error, 'rateLimit: the store failed; the request passes uncounted');
        return undefined;
      }
      if (fallback === undefined) throw error;
      if (!this.#isStoreDown) {
        const meanwhile = 'until it answers, this process counts for itself';
        logger.error(error, `rateLimit: the store failed; ${meanwhile} (see passOnStoreError)`);
      }
      this.#isStoreDown = true;
      const { totalHits, resetTime } = await fallback.increment(key);
      return { store: fallback, totalHits, resetTime };
    }
  }

  async #writeHeaders(info: CompatInfo, req: Request, res: Response): Promise<void> {
    const { options, validations } = this.#config;
    const { windowMs, standardHeaders } = options;
    if (options.legacyHeaders && !res.headersSent) writeLegacy(res, info);
    if (!standardHeaders || res.headersSent) return;
    if (standardHeaders === 'draft-6') {
      writeDraft6(res, info, windowMs);
    } else if (standardHeaders === 'draft-7') {
      validations.run('headersResetTime', info.resetTime);
      writeDraft7(res, info, windowMs);
    } else if (standardHeaders === 'draft-8') {
      const name = await resolve(options.identifier, req, res);
      validations.run('headersResetTime', info.resetTime);
      if (!res.headersSent) writeDraft8(res, info, windowMs, String(name), info.key);
    } else {
      validations.run('headersDraftVersion', standardHeaders);
    }
  }

  async #writeRetryAfter(info: CompatInfo, req: Request, res: Response): Promise<void> {
    const { legacyHeaders, standardHeaders, retryAfter, windowMs } = this.#config.options;
    if (!legacyHeaders && !standardHeaders) return;
    const seconds = (await resolve(retryAfter, req, res)) ?? resetSeconds(info, windowMs);
    if (!res.headersSent) res.setHeader('Retry-After', `${seconds}`);
  }

  #refundLater({ store, resetTime }: Hit, key: string, req: Request, res: Response): void {
    const { options } = this.#config;
    const { logger, requestWasSuccessful } = options;
    if (!options.skipFailedRequests && !options.skipSuccessfulRequests) return;
    const give = async () => {
      // The window that counted the request is over: a later one keeps its count.
      if (resetTime && resetTime.getTime() <= Date.now()) return;
      try {
        // Only our own store reads the second argument.
        await (store as MemoryStore).decrement(key, resetTime);
      } catch (error) {
        logger.error(error, 'rateLimit: the store failed; a request stays counted');
      }
    };
    refundWhenEnded(
      res,
      options,
      give,
      () => requestWasSuccessful(req, res),
      (error) =>
        logger.error(error, 'rateLimit.requestWasSuccessful failed; a request stays counted'),
    );
  }
}

async function startStore({ options }: CompatConfig): Promise<void> {
  const { store, logger } = options;
  try {
    await store.init?.(options);
  } catch (error) {
    logger.error(error, 'rateLimit: the initialization of the store failed');
  }
}

function unsupportedGet(): never {
  throw new Error('getKey: the store has no get()');
}

/**
 * Middleware with the options and the behaviour of express-rate-limit 8. Differences are listed in docs/migration.md.
 *
 * @throws TypeError `ERR_SLUICE_OPTIONS` for a value that is not a store
 */
export function makeCompatMiddleware(given: Partial<Options>): RateLimitRequestHandler {
  const config = readCompatOptions(given);
  const limiter = new CompatLimiter(config);
  void startStore(config);
  const middleware = async (req: Request, res: Response, next: NextFunction) => {
    try {
      if (!(await limiter.judge(req, res, next))) return;
    } catch (thrown) {
      const failure = thrown instanceof CallbackFailure ? thrown : undefined;
      const error = failureOf(failure === undefined ? thrown : failure.error, 'rateLimit', req);
      if (error === undefined) return;
      if (failure !== undefined) publishFailure(failure, error, req);
      next(error);
      return;
    }
    next();
  };
  const { store } = config.options;
  return Object.assign(middleware, {
    resetKey: store.resetKey.bind(store),
    getKey: store.get?.bind(store) ?? unsupportedGet,
  });
}
