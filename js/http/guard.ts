// A limiter in front of HTTP requests, whatever the framework.

import type { ServerResponse } from 'node:http';
import { chargedUnits } from '../limiter/decision.js';
import type { Later } from '../limiter/engine.js';
import { type ArgumentError, printable, reasonOf, SluiceError } from '../limiter/errors.js';
import { ownOption } from '../limiter/own-options.js';
import type { Decision, Key } from '../limiter/types.js';
import { warn } from '../limiter/warn.js';
import {
  type FieldOptions,
  type FieldPlan,
  type FieldWriter,
  formatsOf,
  type HeaderFields,
  writeFields,
} from './fields.js';
import {
  checkStubKey,
  type HttpCheckOptions,
  type HttpLimiter,
  isStub,
  turnOf,
} from './limiter.js';
import { type DescribePolicies, policyDescriber } from './policies.js';
import {
  type CheckParts,
  checkParts,
  checkResult,
  locate,
  type NameOf,
} from './request-options.js';
import { delay, releaseWhenClosed } from './response.js';
import { type RefundOptions, refundWhenEnded } from './response-end.js';

/** A callback, with the two arguments that the framework's callbacks get: `(req, res)`, for example. */
type Callback<A, B> = (a: A, b: B) => Later<unknown>;

/** The options of a guard, as `checkRequestOptions` accepts them. */
export interface GuardOptions<A, B> extends CheckParts, FieldOptions, RefundOptions {
  /** The key of a request, for `ask`. */
  readonly key?: Callback<A, B>;
  readonly skip?: Callback<A, B> | undefined;
  /** Names the route of a request in errors. */
  readonly routeOf?: (a: A, b: B) => string;
  /** Judges a complete response, for `refundLater`. Default: a status below 400. */
  readonly requestWasSuccessful?: Callback<A, B>;
}

/** Ends an error about a key function that returned nothing. */
const NO_KEY =
  "; return a key for every request, or set keyFallback: 'ip' to count such requests by the address";

/** The longest method and path in a message; a client chooses the path. */
const LONGEST_ROUTE = 200;

/** The check of one request, and its answer. */
export interface Outcome {
  readonly key: Key;
  readonly plan: string | undefined;
  readonly decision: Decision;
}

export function isPromise<T>(value: Later<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function';
}

/** Goes on at once where it can: a request then costs no turn of the microtask queue. */
function chain<T, U>(value: Later<T>, go: (value: T) => Later<U>): Later<U> {
  return isPromise(value) ? Promise.resolve(value).then(go) : go(value);
}

/**
 * Guards requests with one limiter. A framework's middleware:
 *
 * 1. calls `ask`, and hands an error on as `failureOf` gives it;
 * 2. lets a skipped request pass (`undefined`);
 * 3. calls `settle` with the outcome, before anything else happens to the request;
 * 4. answers a denial with `problemOf(decision)`; lets an admitted request pass, after `delay` if it has a `delayMs`.
 */
export class HttpGuard<A, B> {
  readonly limiter: HttpLimiter;
  /** Whether the options call for `refundLater`. */
  readonly refunds: boolean;
  readonly #options: GuardOptions<A, B>;
  readonly #where: string;
  readonly #isStub: boolean;
  /** Whether a failure of `requestWasSuccessful` was reported: once, since it may fail for each request. */
  #hasWarned = false;
  readonly #policiesOf: DescribePolicies;
  readonly #fieldPlan: FieldPlan;
  /** Parts that are the same for each request; `undefined` if there are none. */
  readonly #fixed: HttpCheckOptions | undefined;
  /** Parts that a function gives. */
  readonly #functions: readonly (readonly [part: keyof CheckParts, of: Callback<A, B>])[];

  /**
   * @param where names the guard in errors about a request
   * @param nameOf names an option in errors about the options
   * @throws TypeError, RangeError `ERR_SLUICE_*` for a cost, plan or limits that do not fit the limiter
   */
  constructor(
    limiter: HttpLimiter,
    options: GuardOptions<A, B>,
    where: string,
    nameOf: NameOf = (option) => `${where}.${option}`,
  ) {
    const { cost, plan, limits } = options;
    checkParts(limiter, options, nameOf);
    this.limiter = limiter;
    this.refunds = !!(options.skipFailedRequests || options.skipSuccessfulRequests);
    this.#options = options;
    this.#where = where;
    this.#isStub = isStub(limiter);
    const formats = formatsOf(options);
    this.#fieldPlan = { formats, retryAfter: options };
    this.#policiesOf = policyDescriber(limiter, limits, formats);
    const given = Object.entries({ cost, plan, limits }).filter(([, part]) => part !== undefined);
    const isFunction = ([, part]: (typeof given)[number]) => typeof part === 'function';
    const fixed = given.filter((entry) => !isFunction(entry));
    this.#fixed = fixed.length === 0 ? undefined : Object.fromEntries(fixed);
    this.#functions = given.filter(isFunction) as [keyof CheckParts, Callback<A, B>][];
  }

  /** Asks the limiter about a request, at once on a memory store; `undefined`: the request is skipped. */
  ask(a: A, b: B): Later<Outcome | undefined> {
    const { skip } = this.#options;
    if (skip === undefined) return this.#askUnskipped(a, b);
    return chain(skip(a, b), (skipped) => (skipped ? undefined : this.#askUnskipped(a, b)));
  }

  #askUnskipped(a: A, b: B): Later<Outcome> {
    const key = this.#options.key!(a, b);
    return isPromise(key)
      ? Promise.resolve(key).then((key) => this.#askAs(key as Key, a, b))
      : this.#askAs(key as Key, a, b);
  }

  /** Asks about a request whose key is known, by `limiter.check`. `hint` ends an error about the key. */
  async askAs(key: Key, a: A, b: B, hint = ''): Promise<Outcome> {
    const options = await this.#optionsOf(a, b);
    return this.#check(key, options, a, b, hint);
  }

  #askAs(key: Key, a: A, b: B): Later<Outcome> {
    if (this.#functions.length === 0) return this.#decide(key, this.#fixed, a, b);
    return chain(this.#optionsOf(a, b), (options) => this.#decide(key, options, a, b));
  }

  #decide(key: Key, options: HttpCheckOptions | undefined, a: A, b: B): Later<Outcome> {
    const { limiter } = this;
    if (limiter.store !== 'memory' || limiter.checkSync === undefined) {
      return this.#check(key, options, a, b);
    }
    try {
      if (this.#isStub) checkStubKey(key);
      return { key, plan: ownOption(options, 'plan'), decision: limiter.checkSync(key, options) };
    } catch (error) {
      throw this.#locate(error, a, b, key);
    }
  }

  async #check(
    key: Key,
    options: HttpCheckOptions | undefined,
    a: A,
    b: B,
    keyHint = '',
  ): Promise<Outcome> {
    try {
      if (this.#isStub) checkStubKey(key);
      return {
        key,
        plan: ownOption(options, 'plan'),
        decision: await this.limiter.check(key, options),
      };
    } catch (error) {
      throw this.#locate(error, a, b, key, keyHint);
    }
  }

  /** Names the guard and the route in an error about a request. */
  #locate(error: unknown, a: A, b: B, key?: Key, keyHint = ''): unknown {
    if ((Object(error) as Partial<ArgumentError>).argument === undefined) return error;
    const { routeOf } = this.#options;
    const route = routeOf === undefined ? '' : ` (${printable(routeOf(a, b), LONGEST_ROUTE)})`;
    if ((error as ArgumentError).argument !== 'key') return locate(error, this.#where, route);
    const isMissing = routeOf !== undefined && key === undefined;
    return locate(error, this.#where, route + (isMissing ? NO_KEY : keyHint));
  }

  #optionsOf(a: A, b: B): Later<HttpCheckOptions | undefined> {
    return this.#functions.length === 0 ? this.#fixed : this.#callFrom(0, { ...this.#fixed }, a, b);
  }

  /** Calls the functions one after the other: if one fails, no other is left behind that may fail too. */
  #callFrom(i: number, options: Record<string, unknown>, a: A, b: B): Later<HttpCheckOptions> {
    const next = this.#functions[i];
    if (next === undefined) return options;
    const [part, of] = next;
    return chain(of(a, b), (value) => {
      try {
        checkResult(this.limiter, part, value);
      } catch (error) {
        throw this.#locate(error, a, b);
      }
      options[part] = value;
      return this.#callFrom(i + 1, options, a, b);
    });
  }

  /**
   * Frees the slots of an admitted request when its response closes, and writes the header fields.
   *
   * @param response Node's response; `undefined` outside of HTTP
   * @param fields those of the response; `undefined` once they have been sent
   */
  settle(
    { decision, plan }: Outcome,
    response: ServerResponse | undefined,
    fields: HeaderFields | undefined,
    write: FieldWriter = writeFields,
  ): void {
    if (response === undefined) return;
    // First, so that the slots are freed whatever happens to the request.
    if (decision.holder !== undefined) releaseWhenClosed(decision.holder, response);
    if (fields === undefined) return;
    write(
      response,
      fields,
      decision,
      this.#policiesOf(decision, plan),
      this.#fieldPlan,
      this.limiter,
    );
  }

  /**
   * Gives the charge of an admitted request back when its response ends, if `skipFailedRequests` or
   * `skipSuccessfulRequests` says so. Call it after `settle`, with the arguments of `ask`.
   */
  refundLater({ key, decision, plan }: Outcome, response: ServerResponse, a: A, b: B): void {
    const { requestWasSuccessful } = this.#options;
    const charged = chargedUnits(decision);
    if (charged === undefined) return;
    const options = plan === undefined ? { of: decision } : { of: decision, plan };
    const give = async () => {
      try {
        await this.limiter.credit?.(key, charged, options);
      } catch (error) {
        // A failed store is reported by `sluice:fault`, and a closed limiter counts nothing. The charge stays.
        if (!(error instanceof SluiceError)) throw error;
      }
    };
    refundWhenEnded(
      response,
      this.#options,
      give,
      requestWasSuccessful && (() => requestWasSuccessful(a, b)),
      (error) => {
        if (this.#hasWarned) return;
        this.#hasWarned = true;
        const message = `${this.#where}: requestWasSuccessful failed, so the request stays counted: ${reasonOf(error)}`;
        warn('SLUICE_REQUEST_WAS_SUCCESSFUL', printable(message));
      },
    );
  }

  /** Calls `go` after `decision.delayMs`, unless the client hangs up before. */
  delay({ key, decision }: Outcome, response: ServerResponse | undefined, go: () => void): void {
    delay(turnOf(this.limiter, key, decision), decision.delayMs, response, go);
  }
}
