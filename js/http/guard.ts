// A limiter in front of HTTP requests, whatever the framework.

import type { ServerResponse } from 'node:http';
import { chargedUnits } from '../limiter/decision.js';
import type { Later } from '../limiter/engine.js';
import { type ArgumentError, printable, reasonOf, SluiceError } from '../limiter/errors.js';
import { ownOption } from '../limiter/own-options.js';
import type { Decision, Key } from '../limiter/types.js';
import { warn } from '../limiter/warn.js';
import { failureOf } from './failure.js';
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
  describeFailure,
  FAILED,
  isAnswer,
  type OnRequestError,
  optionOf,
  printableRoute,
  publishRequestWarning,
  type RequestErrorOptions,
  RequestFailure,
  type RequestOption,
  ruledDecision,
  unreadableOption,
  warnOfFailure,
} from './request-failure.js';
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
export interface GuardOptions<A, B>
  extends CheckParts,
    FieldOptions,
    RefundOptions,
    RequestErrorOptions {
  /** The key of a request, for `ask`. */
  readonly key?: Callback<A, B>;
  readonly skip?: Callback<A, B> | undefined;
  /** Names the route of a request in errors and events. Default: the name of the guard. */
  readonly routeOf?: (a: A, b: B) => string;
  /** Whether a callback's error is an answer of the application, besides errors with an HTTP status. */
  readonly isAnswer?: (error: object) => boolean;
  /** The framework's name of the option `cost`. Default: 'cost'. */
  readonly costOption?: 'cost' | 'estimate';
  /** Judges a complete response, for `refundLater`. Default: a status below 400. */
  readonly requestWasSuccessful?: Callback<A, B>;
}

/** Ends an error about a key function that returned nothing. */
const NO_KEY =
  "; return a key for every request, or set keyFallback: 'ip' to count such requests by the address";

/** The check of one request, and its answer. */
export interface Outcome {
  /** `undefined` if the request could not be judged. */
  readonly key: Key | undefined;
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

/** Calls a callback, and goes on with its result, at once where it can. @throws RequestFailure if it fails */
function call<A, B, U>(
  option: RequestOption,
  callback: Callback<A, B>,
  a: A,
  b: B,
  go: (value: unknown) => Later<U>,
): Later<U> {
  let value: Later<unknown>;
  let isLater: boolean;
  try {
    value = callback(a, b);
    isLater = isPromise(value); // Reads the value, which may throw.
  } catch (error) {
    throw new RequestFailure(option, error);
  }
  return isLater ? Promise.resolve(value).then(go, FAILED[option]) : go(value);
}

/**
 * Guards requests with one limiter. A framework's middleware:
 *
 * 1. calls `ask`; if it fails, `outcomeOf` gives the outcome, or throws the error for the framework;
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
  readonly #onRequestError: OnRequestError;
  readonly #costOption: 'cost' | 'estimate';
  /** The options whose failures were reported: each once, since it may fail for each request. */
  readonly #warned = new Set<string>();
  /** The decision about each request that cannot be judged. */
  #ruled: Decision | undefined;
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
    this.#onRequestError = options.onRequestError ?? 'deny';
    this.#costOption = options.costOption ?? 'cost';
    const formats = formatsOf(options);
    this.#fieldPlan = { formats, retryAfter: options };
    this.#policiesOf = policyDescriber(limiter, limits, formats);
    const given = Object.entries({ cost, plan, limits }).filter(([, part]) => part !== undefined);
    const isFunction = ([, part]: (typeof given)[number]) => typeof part === 'function';
    const fixed = given.filter((entry) => !isFunction(entry));
    this.#fixed = fixed.length === 0 ? undefined : Object.fromEntries(fixed);
    this.#functions = given.filter(isFunction) as [keyof CheckParts, Callback<A, B>][];
  }

  /**
   * Asks the limiter about a request, at once on a memory store; `undefined`: the request is skipped.
   *
   * @throws (or rejects with) a value for `outcomeOf`
   */
  ask(a: A, b: B): Later<Outcome | undefined> {
    const { skip } = this.#options;
    if (skip === undefined) return this.#askUnskipped(a, b);
    return call('skip', skip, a, b, (skipped) => (skipped ? undefined : this.#askUnskipped(a, b)));
  }

  /** As `call`, without a closure: every request calls `key`. */
  #askUnskipped(a: A, b: B): Later<Outcome> {
    let key: Later<unknown>;
    let isLater: boolean;
    try {
      key = this.#options.key!(a, b);
      isLater = isPromise(key);
    } catch (error) {
      throw new RequestFailure('key', error);
    }
    return isLater
      ? Promise.resolve(key).then((key) => this.#askAs(key as Key, a, b), FAILED.key)
      : this.#askAs(key as Key, a, b);
  }

  /**
   * Asks about a request whose key is known, by `limiter.check`. `hint` ends an error about the key.
   *
   * @throws (a rejection) a value for `outcomeOf`
   */
  async askAs(key: Key, a: A, b: B, hint = ''): Promise<Outcome> {
    const options = await this.#optionsOf(a, b);
    return this.#check(key, options, a, b, hint);
  }

  /**
   * The outcome of a request whose `ask` failed, by `onRequestError`; `undefined` if its client has hung up.
   *
   * @param thrown by `ask`, or a `RequestFailure`
   * @throws the error that the framework is to handle: under 'throw', an answer of the application, and a failure that
   *   is not about the request, such as a closed limiter
   */
  outcomeOf(thrown: unknown, a: A, b: B): Outcome | undefined {
    const failure = thrown instanceof RequestFailure ? thrown : undefined;
    const error = failureOf(failure === undefined ? thrown : failure.error, this.#where, a);
    if (error === undefined) return undefined;
    if (failure === undefined || isAnswer(error) || this.#options.isAnswer?.(error)) throw error;
    this.#report(failure, error, this.#routeOf(a, b));
    const rule = this.#onRequestError;
    if (rule === 'throw') throw error;
    this.#ruled ??= ruledDecision(this.limiter, rule);
    return { key: undefined, plan: undefined, decision: this.#ruled };
  }

  #report({ option, isLocated }: RequestFailure, error: object, route: string): void {
    const lacksAddress = (error as Partial<SluiceError>).code === 'ERR_SLUICE_CLIENT_IP';
    if (lacksAddress) locate(error, this.#where, ` (${route})`);
    const detail =
      isLocated || lacksAddress
        ? printable((error as Error).message)
        : describeFailure(this.#where, option, route, error);
    if (publishRequestWarning({ detail, option, route, error }) || this.#warned.has(option)) return;
    this.#warned.add(option);
    warnOfFailure(detail, this.#onRequestError);
  }

  #routeOf(a: A, b: B): string {
    const { routeOf } = this.#options;
    return printableRoute(routeOf === undefined ? this.#where : routeOf(a, b));
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
      throw this.#failed(error, { ...options, key }, a, b);
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
      throw this.#failed(error, { ...options, key }, a, b, keyHint);
    }
  }

  /** A `RequestFailure` if the values of a check are at fault, else the error. Either names the guard and the route. */
  #failed(
    error: unknown,
    values: HttpCheckOptions & { readonly key?: Key },
    a: A,
    b: B,
    keyHint = '',
  ): unknown {
    if ((Object(error) as Partial<ArgumentError>).argument === undefined) {
      // A failure of the store, or of a mock, which reads the values in its own way.
      if (this.#isStub || error instanceof SluiceError) return error;
      const option = unreadableOption(values);
      return option === undefined ? error : new RequestFailure(option, error);
    }
    const option = optionOf(error);
    const hasRoute = this.#options.routeOf !== undefined;
    const route = hasRoute ? ` (${this.#routeOf(a, b)})` : '';
    const isMissing = hasRoute && option === 'key' && values.key === undefined;
    const hint = isMissing ? NO_KEY : option === 'key' ? keyHint : '';
    const located = locate(error, this.#where, route + hint);
    return option === undefined ? located : new RequestFailure(option, located, true);
  }

  #optionsOf(a: A, b: B): Later<HttpCheckOptions | undefined> {
    return this.#functions.length === 0 ? this.#fixed : this.#callFrom(0, { ...this.#fixed }, a, b);
  }

  /** Calls the functions one after the other: if one fails, no other is left behind that may fail too. */
  #callFrom(i: number, options: Record<string, unknown>, a: A, b: B): Later<HttpCheckOptions> {
    const next = this.#functions[i];
    if (next === undefined) return options;
    const [part, of] = next;
    const option = part === 'cost' ? this.#costOption : part;
    return call(option, of, a, b, (value) => {
      try {
        checkResult(this.limiter, part, value);
      } catch (error) {
        throw this.#failed(error, {}, a, b);
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
        await this.limiter.credit?.(key!, charged, options); // Only a judged request was charged.
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
        if (this.#warned.has('requestWasSuccessful')) return;
        this.#warned.add('requestWasSuccessful');
        const message = `${this.#where}: requestWasSuccessful failed, so the request stays counted: ${reasonOf(error)}`;
        warn('SLUICE_REQUEST_WAS_SUCCESSFUL', printable(message));
      },
    );
  }

  /** Calls `go` after `decision.delayMs`, unless the client hangs up before. */
  delay({ key, decision }: Outcome, response: ServerResponse | undefined, go: () => void): void {
    delay(turnOf(this.limiter, key!, decision), decision.delayMs, response, go);
  }
}
