// The options of the Express middleware: what they are, and what is wrong with a wrong one.

import type { NextFunction, Request, Response } from 'express';
import { checkOptionNames, rangeError, typeError } from './errors.js';
import { LIMITER_OPTIONS, type LimiterOptions } from './limiter.js';
import type { AnyLimiter } from './limiter-types.js';
import type { Cost, Decision } from './types.js';

/** What the middleware does with a request, whatever limiter it asks. */
export interface RequestOptions<Name extends string = string> {
  /**
   * Who is limited. Default: the client's IP address, as `req.ip` gives it ('trust proxy' applied), an IPv6
   * address cut to its /56. Anything but a non-empty string is an error, passed to `next`.
   */
  key?: (req: Request, res: Response) => string | Promise<string>;
  /** Default 1. */
  cost?: (req: Request, res: Response) => Cost<Name> | Promise<Cost<Name>>;
  /** True lets a request pass unasked, uncharged and without headers. */
  skip?: (req: Request, res: Response) => boolean | Promise<boolean>;
  /** The format of the headers that tell a client its limits; `false`: none, no `Retry-After` either. Default 'draft-10'. */
  headers?: 'draft-10' | false;
  /** The largest share that is added to `Retry-After` at random, in [0, 1], so that clients do not all come back at once. Default 0. */
  retryAfterJitter?: number;
  /** Answers a denied request, its status included, in place of 429 and problem+json. The headers are set by then. */
  handler?: (req: Request, res: Response, next: NextFunction, decision: Decision<Name>) => unknown;
}

/** `rateLimit`'s options: a limiter, or what `createLimiter` makes one of; and what to do with a request. */
export type Options<Name extends string = string> = RequestOptions<Name> &
  (
    | ({ limiter: AnyLimiter<Name> } & { [Option in keyof LimiterOptions]?: never })
    | ({ limiter?: never } & LimiterOptions<Name>)
  );

// As objects, so that an option added to the type and forgotten here does not compile.
const REQUEST_OPTIONS: Readonly<Record<keyof RequestOptions, true>> = {
  key: true,
  cost: true,
  skip: true,
  headers: true,
  retryAfterJitter: true,
  handler: true,
};
const KNOWN_OPTIONS = ['limiter', ...Object.keys({ ...REQUEST_OPTIONS, ...LIMITER_OPTIONS })];

// express-rate-limit's own options, and what says the same here.
const FOREIGN_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['windowMs', 'policies: tokenBucket({ capacity, every })'],
  ['limit', 'policies: tokenBucket({ capacity, every })'],
  ['max', 'policies: tokenBucket({ capacity, every })'],
  ['standardHeaders', 'headers'],
  ['legacyHeaders', 'headers'],
  ['keyGenerator', 'key'],
  ['message', 'handler'],
  ['statusCode', 'handler'],
  ['requestPropertyName', ''],
  ['skipFailedRequests', ''],
  ['skipSuccessfulRequests', ''],
  ['requestWasSuccessful', ''],
  ['identifier', 'the names of the policies'],
  ['ipv6Subnet', 'key'],
  ['passOnStoreError', 'onStoreError'],
  ['validate', ''],
  ['logger', ''],
]);

function refuseForeignOptions(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    const ours = FOREIGN_OPTIONS.get(name);
    if (ours === undefined) continue;
    const instead = ours === '' ? 'and there is none like it here' : `say it here with: ${ours}`;
    const message = `rateLimit has no option '${name}': it is express-rate-limit's, ${instead}`;
    throw Object.assign(new TypeError(message), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
      argument: `rateLimit.${name}`,
      value,
    });
  }
}

/** The options, parted into those that concern a request and those that make a limiter. */
export interface PartedOptions<Name extends string> {
  readonly request: RequestOptions<Name>;
  /** The limiter that was given, or what to make one of. */
  readonly limiter:
    | { readonly given: AnyLimiter<Name> }
    | { readonly options: LimiterOptions<Name> };
}

/**
 * Checks all that concerns the middleware; what makes a limiter is left to `createLimiter`.
 *
 * @throws TypeError, RangeError with a code `ERR_SLUICE_*` that name the option and the value
 */
export function readOptions<Name extends string>(options: Options<Name>): PartedOptions<Name> {
  if (typeof options === 'object' && options !== null) refuseForeignOptions(options);
  checkOptionNames(options, KNOWN_OPTIONS, 'rateLimit');
  checkRequestOptions(options);

  const request: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (name === 'limiter' || value === undefined) continue;
    (Object.hasOwn(REQUEST_OPTIONS, name) ? request : rest)[name] = value;
  }
  const { limiter } = options;
  if (limiter === undefined) {
    return { request, limiter: { options: rest as unknown as LimiterOptions<Name> } };
  }
  const both = Object.keys(rest)[0];
  if (both !== undefined) {
    const argument = `rateLimit.${both}`;
    throw typeError('ERR_SLUICE_OPTIONS', argument, rest[both], "left out beside 'limiter'");
  }
  if (typeof limiter?.check !== 'function' || typeof limiter.policies !== 'object') {
    const expected = 'a limiter made by createLimiter()';
    throw typeError('ERR_SLUICE_OPTIONS', 'rateLimit.limiter', limiter, expected);
  }
  return { request, limiter: { given: limiter } };
}

function checkRequestOptions(options: RequestOptions<never>): void {
  for (const name of ['key', 'cost', 'skip', 'handler'] as const) {
    const given: unknown = options[name];
    if (given === undefined || typeof given === 'function') continue;
    throw typeError('ERR_SLUICE_OPTIONS', `rateLimit.${name}`, given, 'a function');
  }
  const { headers = false, retryAfterJitter: jitter = 0 } = options;
  if (headers !== false && headers !== 'draft-10') {
    throw typeError('ERR_SLUICE_OPTIONS', 'rateLimit.headers', headers, "'draft-10' or false");
  }
  if (typeof jitter !== 'number') {
    throw typeError('ERR_SLUICE_OPTIONS', 'rateLimit.retryAfterJitter', jitter, 'a number');
  }
  if (!(jitter >= 0 && jitter <= 1)) {
    throw rangeError('ERR_SLUICE_OPTIONS', 'rateLimit.retryAfterJitter', jitter, 'from 0 to 1');
  }
}
