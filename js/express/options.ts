// The options of the Express middleware: their types and checks.

import type { NextFunction, Request, Response } from 'express';
import { LIMITER_OPTIONS, type LimiterOptions } from '../create-limiter.js';
import type { FieldOptions } from '../http/fields.js';
import { isLimiter } from '../http/limiter.js';
import type { RequestErrorOptions } from '../http/request-failure.js';
import { checkRequestOptions } from '../http/request-options.js';
import type { RefundOptions } from '../http/response-end.js';
import { checkOptionNames, typeError, unknownOption, withheld } from '../limiter/errors.js';
import { misplaced, refusePolicy } from '../limiter/options.js';
import { ownOptions } from '../limiter/own-options.js';
import { isPolicy } from '../limiter/policy.js';
import type {
  AnyLimiter,
  Cost,
  Decision,
  Key,
  KeyOf,
  Limiter,
  Limits,
  NamesOf,
  Plans,
  Policies,
  Uninferred,
} from '../limiter/types.js';
import { isSluiceStore } from '../stores/options.js';
import type { Options as CompatOptions } from './compat/types.js';

/** A fixed value, or a function of the request. */
export type PerRequest<T> = T | ((req: Request, res: Response) => T | Promise<T>);

/** A string key may be missing, for `keyFallback`. */
type KeyResult<K extends Key> = [string] extends [K] ? K | undefined : K;

/** The options about requests, for any limiter. */
export interface RequestOptions<Name extends string, K extends Key, Plan extends string>
  extends FieldOptions,
    RefundOptions,
    RequestErrorOptions {
  /**
   * The caller to limit: a string that is not empty; where policies have `by`, an object of the parts that they count
   * by. For anything else, `onRequestError` decides. Default, where keys are strings: the client's IP address
   * (`req.ip`, with 'trust proxy' applied), an IPv6 address cut to its /56.
   */
  key?: (req: Request, res: Response) => KeyResult<K> | Promise<KeyResult<K>>;
  /** 'ip': a request whose `key` returns `undefined` is counted by the client's IP address. Without it, `onRequestError` decides. */
  keyFallback?: [string] extends [K] ? 'ip' : never;
  /** Default 1. */
  cost?: PerRequest<Cost<Name>>;
  /** The limiter's plan for the request. Required with plans. */
  plan?: PerRequest<Plan>;
  /** Other limits than the policies' own, by policy; window, rate and state stay. */
  limits?: PerRequest<Limits<Name> | undefined>;
  /** True lets a request pass without a check, a charge or headers. */
  skip?: (req: Request, res: Response) => boolean | Promise<boolean>;
  /** Whether a complete response succeeded, for `skipFailedRequests` and `skipSuccessfulRequests`. Default: a status below 400. */
  requestWasSuccessful?: (req: Request, res: Response) => boolean | Promise<boolean>;
  /** Answers a denied request instead of problem+json. Headers and status (429, or 503) are already set; `next()` lets the request pass. */
  handler?: (req: Request, res: Response, next: NextFunction, decision: Decision<Name>) => unknown;
}

/** An address can be a key only where keys are strings; with plans, a plan is required. */
type Needed<Name extends string, K extends Key, Plan extends string> =
  | ([string] extends [K] ? never : 'key')
  | ([Plan] extends [never] ? never : string extends Plan ? never : 'plan') extends infer Part
  ? Required<Pick<RequestOptions<Name, K, Plan>, Part & keyof RequestOptions<Name, K, Plan>>>
  : never;

/** The request options for a limiter with these names, keys and plans. */
export type OptionsFor<Name extends string, K extends Key, Plan extends string> = RequestOptions<
  Name,
  K,
  Plan
> &
  Needed<Name, K, Plan>;

/** The options of the limiter, besides its policies or plans. */
type Making<Shard extends string> = Omit<LimiterOptions, 'policies' | 'plans' | 'shardBy'> & {
  limiter?: never;
  shardBy?: Shard;
};

/** `rateLimit`'s options where it makes a limiter of policies. */
export type OptionsOfPolicies<P extends Policies, Shard extends string> = Making<Shard> & {
  policies: P;
  plans?: never;
} & OptionsFor<NamesOf<P>, KeyOf<P, Uninferred<Shard>>, never>;

/**
 * The options of `rateLimit()` with policies: for the middleware, and for the limiter that it makes.
 *
 * @example
 * import { tokenBucket } from 'sluice';
 * import { rateLimit, type RateLimitOptions } from 'sluice/express';
 *
 * const options: RateLimitOptions = {
 *   policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }),
 *   skip: (req) => req.method === 'OPTIONS',
 * };
 * app.use(rateLimit(options));
 */
export type RateLimitOptions<P extends Policies = Policies> = OptionsOfPolicies<P, never>;

/** `rateLimit`'s options where it makes a limiter of plans. */
export type OptionsOfPlans<P extends Plans, Shard extends string> = Making<Shard> & {
  plans: P;
  policies?: never;
} & OptionsFor<NamesOf<P[keyof P]>, KeyOf<P[keyof P], Uninferred<Shard>>, keyof P & string>;

/** `rateLimit`'s options with a given limiter, which already has all that makes one. */
export type OptionsOfLimiter<Name extends string, K extends Key, Plan extends string> = {
  limiter: Limiter<Name, K, Plan>;
} & { [Option in keyof LimiterOptions]?: never } & OptionsFor<Name, K, Uninferred<Plan>>;

/** `rateLimit`'s options where it behaves as express-rate-limit: none of Sluice's own. */
export type OptionsOfCompat = Partial<CompatOptions> & {
  [Option in Exclude<
    keyof LimiterOptions | keyof RequestOptions<string, Key, string> | 'limiter',
    keyof CompatOptions
  >]?: never;
};

/** All of these options, for reading. */
export type Options = RequestOptions<string, Key, string> &
  LimiterOptions & { limiter?: AnyLimiter };

// As objects, so that an option added to the type and forgotten here does not compile.
const REQUEST_OPTIONS: Readonly<Record<keyof RequestOptions<string, Key, string>, true>> = {
  key: true,
  keyFallback: true,
  cost: true,
  plan: true,
  limits: true,
  skip: true,
  headers: true,
  retryAfterJitter: true,
  slotRetryAfter: true,
  handler: true,
  skipFailedRequests: true,
  skipSuccessfulRequests: true,
  requestWasSuccessful: true,
  onRequestError: true,
};
const KNOWN_OPTIONS = ['limiter', ...Object.keys({ ...REQUEST_OPTIONS, ...LIMITER_OPTIONS })];

/** Options of express-rate-limit alone, and their counterparts here. */
const FOREIGN_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['windowMs', 'policies: fixedWindow({ limit, window })'],
  ['limit', 'policies: fixedWindow({ limit, window })'],
  ['max', 'policies: fixedWindow({ limit, window })'],
  ['standardHeaders', 'headers'],
  ['legacyHeaders', 'headers'],
  ['keyGenerator', 'key'],
  ['message', 'handler'],
  ['statusCode', 'handler'],
  ['requestPropertyName', 'req.rateLimit'],
  ['identifier', 'the names of the policies'],
  ['ipv6Subnet', 'key: (req) => ipKeyGenerator(req.ip, bits)'],
  ['retryAfter', 'retryAfterJitter, slotRetryAfter'],
  ['passOnStoreError', 'onStoreError'],
  ['validate', 'nothing: Sluice always warns'],
  ['logger', "process.on('warning')"],
]);

/** The options that both libraries have. */
const SHARED_OPTIONS = [
  'store',
  'skip',
  'handler',
  'headers',
  'skipFailedRequests',
  'skipSuccessfulRequests',
  'requestWasSuccessful',
];

function isOwnOption(name: string, value: unknown, options: object): boolean {
  if (isPolicy(value)) return true; // by a misspelt name
  if (name === 'prefix' && isSluiceStore((options as Options).store)) return false;
  if (name === 'headers') return typeof value === 'object' || typeof value === 'string';
  return value !== undefined && KNOWN_OPTIONS.includes(name) && !SHARED_OPTIONS.includes(name);
}

/** The first of the given options that is Sluice's alone; `headers` is if it names formats, `prefix` without its store. */
function ownOptionOf(options: object): string | undefined {
  return Object.entries(options).find(([name, value]) => isOwnOption(name, value, options))?.[0];
}

/**
 * Whether the options are those of express-rate-limit: none of them is Sluice's alone.
 *
 * @throws TypeError `ERR_SLUICE_OPTIONS` for a policy, a limiter, or anything else but an object
 */
export function isCompat(given: unknown): given is Partial<CompatOptions> | null | undefined {
  if (given === undefined || given === null) return true;
  refusePolicy(given, 'rateLimit', KNOWN_OPTIONS);
  if (isLimiter(given)) throw misplaced(given, 'a limiter', 'rateLimit', '{ limiter }');
  if (isSluiceStore(given)) throw misplaced(given, 'a store', 'rateLimit', '{ limit, store }');
  return typeof given === 'object' && !Array.isArray(given) && ownOptionOf(given) === undefined;
}

function refuseForeignOptions(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    const ours = FOREIGN_OPTIONS.get(name);
    if (ours === undefined || value === undefined) continue;
    const message = `rateLimit: '${name}' is an option of express-rate-limit, and '${ownOptionOf(options)}' of Sluice: give options of one kind. Sluice's counterpart of '${name}': ${ours}`;
    throw unknownOption('rateLimit', name, message, value);
  }
}

/** The options, split into those for requests and those for the limiter. */
export interface PartedOptions {
  readonly request: RequestOptions<string, Key, string>;
  /** The given limiter, or the options to make one. */
  readonly limiter: { readonly given: AnyLimiter } | { readonly options: LimiterOptions };
}

/**
 * Checks the middleware's own options; `createLimiter` checks the limiter's.
 *
 * @throws TypeError, RangeError with a code `ERR_SLUICE_*` that name the option and the value
 */
export function readOptions(given: Options): PartedOptions {
  if (typeof given === 'object' && given !== null) refuseForeignOptions(given);
  checkOptionNames(given, KNOWN_OPTIONS, 'rateLimit', { secret: true });
  const options = ownOptions(given);
  checkRequestOptions(options, 'rateLimit');

  const request: Record<string, unknown> = ownOptions({});
  const rest: Record<string, unknown> = ownOptions({});
  for (const [name, value] of Object.entries(options)) {
    if (name === 'limiter' || value === undefined) continue;
    (Object.hasOwn(REQUEST_OPTIONS, name) ? request : rest)[name] = value;
  }
  const { limiter } = options;
  if (limiter === undefined) {
    return { request, limiter: { options: rest as LimiterOptions } };
  }
  const both = Object.keys(rest)[0];
  if (both !== undefined) {
    const argument = `rateLimit.${both}`;
    const expected = "left out beside 'limiter'";
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      argument,
      both === 'store' ? withheld(rest[both]) : rest[both],
      expected,
    );
  }
  if (!isLimiter(limiter)) {
    const expected = 'a limiter made by createLimiter()';
    throw typeError('ERR_SLUICE_OPTIONS', 'rateLimit.limiter', withheld(limiter), expected);
  }
  return { request, limiter: { given: limiter } };
}
