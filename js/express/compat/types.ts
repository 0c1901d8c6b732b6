// The public types of express-rate-limit, so that its users' annotations compile: no code.

import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Store as SluicePlace } from '../../stores/options.js';

/** A function of the request, sync or async. */
export type ValueDeterminingMiddleware<T> = (req: Request, res: Response) => T | Promise<T>;

/** The count of a key. */
export type ClientRateLimitInfo = {
  /** Requests counted in the present window. */
  totalHits: number;
  /** The end of the window; `undefined` if the store does not know it. */
  resetTime: Date | undefined;
};

/** The answer of a store to a counted request. */
export type IncrementResponse = ClientRateLimitInfo;

/** The count of a key in a `MemoryStore`. */
export type Client = { totalHits: number; resetTime: Date };

/** Receives the answer of a `LegacyStore`. */
export type IncrementCallback = (
  error: Error | undefined,
  totalHits: number,
  resetTime: Date | undefined,
) => void;

/** Counts requests by key. Any store written for express-rate-limit 6 or later is one. */
export type Store = {
  /** Called once, with the options of the middleware. The middleware does not wait for it, and logs its errors. */
  init?: (options: Options) => void | Promise<void>;
  /** The count of a key, which stays as it is. */
  get?: (key: string) => Promise<ClientRateLimitInfo | undefined> | ClientRateLimitInfo | undefined;
  /** Counts one request. */
  increment: (key: string) => Promise<IncrementResponse> | IncrementResponse;
  /** Takes one request back. */
  decrement: (key: string) => Promise<void> | void;
  /** Sets the count of a key to 0. */
  resetKey: (key: string) => Promise<void> | void;
  /** Sets all counts to 0. */
  resetAll?: () => Promise<void> | void;
  /** Ends timers and connections. */
  shutdown?: () => Promise<void> | void;
  /** True if other instances of the store count other keys. */
  localKeys?: boolean;
  /** Part of the names of keys. */
  prefix?: string;
};

/** A store written for express-rate-limit 5 or earlier. */
export type LegacyStore = {
  incr: (key: string, callback: IncrementCallback) => void;
  decrement: (key: string) => void;
  resetKey: (key: string) => void;
  resetAll?: () => void;
};

/** The drafts that `standardHeaders` names. */
export type DraftHeadersVersion = 'draft-6' | 'draft-7' | 'draft-8';

/** The names of the validations. */
export type ValidationName =
  | 'ip'
  | 'trustProxy'
  | 'xForwardedForHeader'
  | 'forwardedHeader'
  | 'positiveHits'
  | 'unsharedStore'
  | 'singleCount'
  | 'limit'
  | 'draftPolliHeaders'
  | 'onLimitReached'
  | 'headersDraftVersion'
  | 'headersResetTime'
  | 'knownOptions'
  | 'validationsConfig'
  | 'creationStack'
  | 'ipv6Subnet'
  | 'ipv6SubnetOrKeyGenerator'
  | 'keyGeneratorIpFallback'
  | 'windowMs';

/** Validations to switch on or off by name; `default` is for all others. */
export type EnabledValidations = { [Name in ValidationName | 'default']?: boolean };

/** Logs an error or a warning, with an optional explanation. */
export type LoggerFn = (error: unknown, message?: string) => void;

/** Receives the log entries of the middleware. */
export type Logger = { error: LoggerFn; warn: LoggerFn };

/** Answers a denied request; `next()` lets it pass. Its status is still 200. */
export type RateLimitExceededEventHandler = (
  req: Request,
  res: Response,
  next: NextFunction,
  optionsUsed: Options,
) => unknown;

/** Kept for annotations: express-rate-limit 7 removed its option `onLimitReached`. */
export type RateLimitReachedEventHandler = (
  req: Request,
  res: Response,
  optionsUsed: Options,
) => void;

/** The middleware, with access to its store. */
export type RateLimitRequestHandler = RequestHandler & {
  /** Sets the count of a key to 0. */
  resetKey: (key: string) => void;
  /** The count of a key. @throws Error if the store has no `get` */
  getKey: (
    key: string,
  ) => Promise<ClientRateLimitInfo | undefined> | ClientRateLimitInfo | undefined;
};

/** The options of express-rate-limit 8. All are optional; unknown ones are logged. */
export type Options = {
  /** The length of a window, in ms. It starts with the first request of a key. Default 60,000. */
  windowMs: number;
  /** The requests of one key admitted in a window, or a function that returns it. 0 denies all. Default 5. */
  limit: number | ValueDeterminingMiddleware<number>;
  /** The body of the answer to a denied request, for `res.send`, or a function that returns it. Default: a sentence. */
  // biome-ignore lint/suspicious/noExplicitAny: as in express-rate-limit, whose users pass any body.
  message: any;
  /** The status of that answer. Default 429. */
  statusCode: number;
  /** Whether to send `X-RateLimit-*` and the `Retry-After` of a denial. Default true. */
  legacyHeaders: boolean;
  /** The draft whose `RateLimit` headers are sent; true is 'draft-6'. Default false. */
  standardHeaders: boolean | DraftHeadersVersion;
  /** The name of the limit in the headers of draft 8. Default such as `5-in-1min`. */
  identifier: string | ValueDeterminingMiddleware<string>;
  /** Another `Retry-After` than the rest of the window, in seconds. It changes no limit. */
  retryAfter?: number | ValueDeterminingMiddleware<number>;
  /** The property of the request that gets the counts. Default 'rateLimit'. */
  requestPropertyName: string;
  /** True: a request whose response fails is not counted. It is counted first and given back at the end. Default false. */
  skipFailedRequests: boolean;
  /** True: a request whose response succeeds is not counted. Default false. */
  skipSuccessfulRequests: boolean;
  /** The caller to limit. Default: the client's address, by `ipKeyGenerator`. */
  keyGenerator: ValueDeterminingMiddleware<string>;
  /** The bits of an IPv6 address that the default key keeps: 32 to 64. `false` keeps all. Default 56. */
  ipv6Subnet: number | ValueDeterminingMiddleware<number> | false;
  /** Answers a denied request. Default: `statusCode` and `message`. */
  handler: RateLimitExceededEventHandler;
  /** True lets a request pass uncounted. */
  skip: ValueDeterminingMiddleware<boolean>;
  /** Whether a response succeeded. Default: a status below 400. */
  requestWasSuccessful: ValueDeterminingMiddleware<boolean>;
  /** Where requests are counted: `redis(...)` or `memory()` of 'sluice', or a store written for express-rate-limit. Default: a new `MemoryStore`. */
  store: Store | LegacyStore | SluicePlace;
  /** Beside `redis(...)` or `memory()`: begins the names of keys. Limiters with one prefix on one server count together. Default 'sluice:express-rate-limit'. */
  prefix?: string;
  /** Which mistakes to look for, until the first request was judged. Default true: all. */
  validate: boolean | EnabledValidations;
  /** @deprecated The old name of `legacyHeaders`. */
  headers?: boolean;
  /** The old name of `limit`. */
  max?: number | ValueDeterminingMiddleware<number>;
  /** What to do if the store fails: true admits, false fails the request. Default: count in this process. */
  passOnStoreError: boolean;
  /** Default: the console. */
  logger: Logger;
};
