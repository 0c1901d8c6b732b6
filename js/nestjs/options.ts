// The options of the NestJS module and of its decorators: their types and checks.

import type {
  ExecutionContext,
  FactoryProvider,
  InjectionToken,
  ModuleMetadata,
  Type,
} from '@nestjs/common';
import { LIMITER_OPTIONS, type LimiterOptions } from '../create-limiter.js';
import type { FieldOptions } from '../http/fields.js';
import { isLimiter } from '../http/limiter.js';
import type { RequestErrorOptions } from '../http/request-failure.js';
import { checkRequestOptions, within } from '../http/request-options.js';
import type { RefundOptions } from '../http/response-end.js';
import {
  checkFlag,
  checkOptionNames,
  printable,
  typeError,
  unknownOption,
  withheld,
} from '../limiter/errors.js';
import { misplaced, readPolicies, refusePolicy } from '../limiter/options.js';
import { ownOptions } from '../limiter/own-options.js';
import { readPlans } from '../limiter/plans.js';
import { isPolicy } from '../limiter/policy.js';
import type { AnyLimiter, Cost, Decision, Key, Limits } from '../limiter/types.js';

/** The common fields of Express's and Fastify's requests, for callbacks without a platform's type. */
export interface NestRequest {
  /** The client's address, by the platform's trust in proxies. */
  readonly ip?: string | undefined;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Set by a guard that authenticates. */
  readonly user?: unknown;
}

/**
 * Returns the key for the platform's request (outside of HTTP: the gateway's client, the RPC data, the GraphQL context,
 * or the handler's first argument): a string that is not empty; where policies have `by`, an object of the parts that
 * they count by. For anything else, except `undefined` under `keyFallback: 'ip'`, `onRequestError` decides.
 */
export type KeyFunction<Request = NestRequest> = (
  request: Request,
  context: ExecutionContext,
) => Key | undefined | Promise<Key | undefined>;

/** A fixed value, or a function of the platform's request. */
type PerRequest<T, Request> = T | ((request: Request, context: ExecutionContext) => T | Promise<T>);

/** Options of the module and of `@RateLimit`, which has precedence. */
interface GuardedOptions<Request> extends RefundOptions, RequestErrorOptions {
  /**
   * 'ip': an HTTP request whose `key` returns `undefined` is counted by the client's IP address. Without it,
   * `onRequestError` decides. Give it beside the `key` that it completes.
   */
  keyFallback?: 'ip';
  /**
   * Whether a complete response succeeded, for `skipFailedRequests` and `skipSuccessfulRequests`. Default: a status
   * below 400.
   */
  requestWasSuccessful?: (
    request: Request,
    context: ExecutionContext,
  ) => boolean | Promise<boolean>;
}

/** The options of `createLimiter`; missing ones are the module's. */
export type NamedLimiterOptions = LimiterOptions &
  (Required<Pick<LimiterOptions, 'policies'>> | Required<Pick<LimiterOptions, 'plans'>>);

/** Options that Nest has to know before a factory makes the others. */
interface PlacementOptions {
  /** True guards every handler of the application with `SluiceGuard`. Default false. */
  guard?: boolean;
  /** The same as `guard`, under its name in earlier versions. */
  global?: boolean;
  /** False: only modules that import it can inject its limiters and use `SluiceGuard`. Default true: every module. */
  isGlobal?: boolean;
}

/** Options of `SluiceModule.forRoot`. */
export interface SluiceModuleOptions<Request = NestRequest>
  extends Partial<LimiterOptions>,
    FieldOptions,
    GuardedOptions<Request>,
    PlacementOptions {
  /** Limiters by name, instead of `policies` or `plans`, which make only 'default'. A guarded handler that names none uses 'default'; without one it is not limited. */
  limiters?: Readonly<Record<string, AnyLimiter | NamedLimiterOptions>>;
  /** Default, where keys are strings: the client's IP address as the platform gives it, an IPv6 address cut to its /56. */
  key?: KeyFunction<Request>;
  /** The plan, for limiters with plans. They require one, here or in a decorator. */
  plan?: PerRequest<string, Request>;
  /** For handlers whose decorators name no limiter and no policies: the cost unless the decorator has one. Default 1. */
  cost?: PerRequest<Cost, Request>;
  /** For the same handlers: other limits than the policies' own, by policy; window, rate and state stay. */
  limits?: PerRequest<Limits | undefined, Request>;
  /** True lets a call pass without a check, a charge or headers. */
  skip?: (request: Request, context: ExecutionContext) => boolean | Promise<boolean>;
  /** Throws the exception for a denied call; the headers are already set. If it returns, the guard throws its own. */
  handler?: (
    request: Request,
    context: ExecutionContext,
    decision: Decision,
  ) => void | Promise<void>;
}

/** The options that a factory makes: all of `forRoot` except `guard`, `global` and `isGlobal`. */
export type SluiceFactoryOptions<Request = NestRequest> = Omit<
  SluiceModuleOptions<Request>,
  keyof PlacementOptions
>;

/**
 * A provider that makes the options, for `useClass` and `useExisting`.
 *
 * @example
 * import { tokenBucket } from 'sluice';
 * import type { SluiceOptionsFactory } from 'sluice/nestjs';
 *
 * class LimiterSettings implements SluiceOptionsFactory {
 *   createSluiceOptions() {
 *     return { policies: tokenBucket({ capacity: 20, every: '1s' }) };
 *   }
 * }
 */
export interface SluiceOptionsFactory<Request = NestRequest> {
  /** Returns the options, or a promise of them. Called once, at the start of the application. */
  createSluiceOptions(): SluiceFactoryOptions<Request> | Promise<SluiceFactoryOptions<Request>>;
}

/** Options of `SluiceModule.forRootAsync`: one of `useFactory`, `useClass` and `useExisting`. */
export interface SluiceModuleAsyncOptions<Request = NestRequest, Args extends unknown[] = unknown[]>
  extends Pick<ModuleMetadata, 'imports'>,
    PlacementOptions {
  /** Makes the options. */
  useFactory?: (
    ...args: Args
  ) => SluiceFactoryOptions<Request> | Promise<SluiceFactoryOptions<Request>>;
  /** The dependencies that `useFactory` is called with. */
  inject?: NonNullable<FactoryProvider['inject']>;
  /** A class that makes the options; the module instantiates it. */
  useClass?: Type<SluiceOptionsFactory<Request>>;
  /** The token of a provider of `imports`, or of a global module, that makes the options. */
  useExisting?: InjectionToken<SluiceOptionsFactory<Request>>;
  /** The factory's limiters that `@InjectLimiter` can inject. Default `['default']`. */
  names?: readonly string[];
}

/** Options of `@RateLimit`. A handler's decorator takes missing options from its class's, then from the module. */
export interface RateLimitOptions<Request = NestRequest> extends GuardedOptions<Request> {
  /** A limiter of the module, by its name: it counts a caller across all handlers that name it. */
  limiter?: string;
  /** Policies instead of the module's: they count a caller for each handler separately. */
  policies?: LimiterOptions['policies'];
  /** The caller to limit, instead of the module's `key`. */
  key?: KeyFunction<Request>;
  /** The plan of the limiter. */
  plan?: PerRequest<string, Request>;
  /** The cost of a request, instead of the module's `cost`. */
  cost?: PerRequest<Cost, Request>;
  /** Other limits than the policies' own, by policy; window, rate and state stay. */
  limits?: PerRequest<Limits | undefined, Request>;
  /** Names the state of `policies`, together with the method's name. Default: the name of the controller's class. */
  name?: string;
}

// As objects, so that an option added to a type and forgotten here does not compile.
const PLACEMENT_OPTIONS: Readonly<Record<keyof PlacementOptions, true>> = {
  guard: true,
  global: true,
  isGlobal: true,
};
const GUARDED_OPTIONS: Readonly<Record<keyof GuardedOptions<NestRequest>, true>> = {
  keyFallback: true,
  skipFailedRequests: true,
  skipSuccessfulRequests: true,
  requestWasSuccessful: true,
  onRequestError: true,
};
const MODULE_OPTIONS: Readonly<Record<keyof SluiceFactoryOptions, true>> = {
  ...LIMITER_OPTIONS,
  ...GUARDED_OPTIONS,
  limiters: true,
  key: true,
  plan: true,
  cost: true,
  limits: true,
  skip: true,
  handler: true,
  headers: true,
  retryAfterJitter: true,
  slotRetryAfter: true,
};
const ASYNC_OPTIONS: Readonly<Record<keyof SluiceModuleAsyncOptions, true>> = {
  ...PLACEMENT_OPTIONS,
  useFactory: true,
  useClass: true,
  useExisting: true,
  inject: true,
  imports: true,
  names: true,
};
const DECORATOR_OPTIONS: Readonly<Record<keyof RateLimitOptions, true>> = {
  ...GUARDED_OPTIONS,
  limiter: true,
  policies: true,
  key: true,
  plan: true,
  cost: true,
  limits: true,
  name: true,
};

/** The options without those that are `undefined`. */
export function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return ownOptions(Object.fromEntries(entries)) as ReturnType<typeof given<Options>>;
}

/** `createLimiter` checks the other options, when the application starts. */
function checkPlans(options: LimiterOptions, where: string): void {
  const { policies, plans } = ownOptions(options);
  within(where, () => readPlans(given({ policies, plans })));
}

function checkNamedLimiter(value: unknown, where: string): void {
  if (isLimiter(value)) return;
  if (typeof value === 'object' && value !== null && 'check' in value) {
    const expected = 'a limiter made by createLimiter()';
    throw typeError('ERR_SLUICE_OPTIONS', where, withheld(value), expected);
  }
  const known = Object.keys(LIMITER_OPTIONS);
  if (isPolicy(value)) {
    const expected = 'a limiter made by createLimiter(), or options such as { policies }';
    throw typeError('ERR_SLUICE_OPTIONS', where, withheld(value, 'a policy'), expected);
  }
  checkOptionNames(value, known, where, { secret: true });
  checkPlans(value as NamedLimiterOptions, where);
}

/** The policy that replaces a throttler of `@nestjs/throttler`. */
function policyOf(throttler: unknown): string {
  const { limit, ttl } = Object(throttler) as { limit?: unknown; ttl?: unknown };
  const shown = (value: unknown, name: string) => (typeof value === 'number' ? value : name);
  return `slidingLog({ limit: ${shown(limit, 'limit')}, window: ${shown(ttl, 'ttl')} })`;
}

function policiesOf(throttlers: readonly unknown[]): string {
  const named = throttlers.map((throttler, i) => {
    const { name = i === 0 ? 'default' : `policy${i + 1}` } = Object(throttler);
    return `${printable(String(name), 40)}: ${policyOf(throttler)}`;
  });
  return named.length < 2 ? policyOf(throttlers[0]) : `{ ${named.join(', ')} }`;
}

/** The replacements of options of `@nestjs/throttler`. */
const OF_THROTTLER: Readonly<Record<string, (options: object) => string>> = {
  throttlers: (options) => {
    const { throttlers } = options as { throttlers?: unknown };
    return `policies: ${policiesOf(Array.isArray(throttlers) ? throttlers : [])}`;
  },
  ttl: (options) => `policies: ${policyOf(options)}`,
  limit: (options) => `policies: ${policyOf(options)}`,
  blockDuration: () => 'policies with blockFor, such as slidingLog({ limit, window, blockFor })',
  storage: () => 'store: redis(url)',
  getTracker: () => 'key: (request, context) => string',
  skipIf: () => 'skip: (request, context) => boolean, in forRoot',
};

/** @throws TypeError `ERR_SLUICE_UNKNOWN_OPTION` that says what to write instead */
function refuseThrottlers(given: unknown, where: string): void {
  if (typeof given !== 'object' || given === null) return;
  if (Array.isArray(given)) {
    throw misplaced(given, 'a list', where, `{ policies: ${policiesOf(given)} }`);
  }
  const of = (name: string, fix: string) =>
    unknownOption(
      where,
      name,
      `${where} has no option '${name}' of @nestjs/throttler. Write ${fix}`,
    );
  const name = Object.keys(OF_THROTTLER).find((name) => Object.hasOwn(given, name));
  if (name !== undefined) throw of(name, OF_THROTTLER[name]!(given));
  for (const [name, value] of Object.entries(given)) {
    const { ttl, limit } = Object(value) as { ttl?: unknown; limit?: unknown };
    const isThrottler =
      !isPolicy(value) &&
      typeof (limit ?? ttl) === 'number' &&
      name !== 'cost' &&
      name !== 'limits';
    if (isThrottler) throw of(printable(name, 40), `policies: ${policyOf(value)}`);
  }
}

/** @throws TypeError, RangeError with a code `ERR_SLUICE_*` that name the option and the value */
export function checkModuleOptions(
  given: SluiceModuleOptions,
  where: string,
  known: object = MODULE_OPTIONS,
): void {
  refusePolicy(given, where, Object.keys(known));
  refuseThrottlers(given, where);
  if (isLimiter(given)) {
    throw misplaced(given, 'a limiter', where, '{ limiters: { default: limiter } }');
  }
  checkOptionNames(given, Object.keys(known), where, { secret: true });
  const options = ownOptions(given);
  checkRequestOptions(options, where);
  const { policies, plans, limiters } = options;
  if (limiters === undefined) {
    checkPlans(options, where);
    return;
  }
  for (const [option, value] of Object.entries({ policies, plans })) {
    if (value === undefined) continue;
    const expected = "left out beside 'limiters' (name them 'default' there)";
    throw typeError('ERR_SLUICE_OPTIONS', `${where}.${option}`, value, expected);
  }
  if (typeof limiters !== 'object' || limiters === null || Array.isArray(limiters)) {
    const expected = 'an object of limiters, or of their options, by name';
    throw typeError('ERR_SLUICE_OPTIONS', `${where}.limiters`, withheld(limiters), expected);
  }
  for (const [name, limiter] of Object.entries(limiters)) {
    checkNamedLimiter(limiter, `${where}.limiters.${name}`);
  }
}

/** @throws TypeError `ERR_SLUICE_OPTIONS` for a value that is neither true nor false, or for two that differ */
function checkPlacement({ guard, global, isGlobal }: PlacementOptions, where: string): void {
  for (const [name, flag] of Object.entries({ guard, global, isGlobal })) {
    if (flag !== undefined) checkFlag('ERR_SLUICE_OPTIONS', `${where}.${name}`, flag);
  }
  if (guard === undefined || global === undefined || guard === global) return;
  const expected = `left out beside 'guard', which means the same`;
  throw typeError('ERR_SLUICE_OPTIONS', `${where}.global`, global, expected);
}

/** @throws as `checkModuleOptions` */
export function checkRootOptions(options: SluiceModuleOptions): void {
  checkModuleOptions(options, 'forRoot', { ...MODULE_OPTIONS, ...PLACEMENT_OPTIONS });
  checkPlacement(ownOptions(options), 'forRoot');
}

/** @throws as `checkModuleOptions` */
export function checkAsyncOptions(options: SluiceModuleAsyncOptions<never, never[]>): void {
  checkOptionNames(options, Object.keys(ASYNC_OPTIONS), 'forRootAsync', { secret: true });
  const { useFactory, useClass, useExisting, inject, names = [], ...rest } = ownOptions(options);
  const sources = Object.entries(given({ useFactory, useClass, useExisting }));
  const [name, source] = sources[0] ?? ['useFactory', undefined];
  if (sources.length > 1) {
    const expected = `left out beside '${name}': one of them makes the options`;
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      `forRootAsync.${sources[1]![0]}`,
      sources[1]![1],
      expected,
    );
  }
  if (name !== 'useExisting' && typeof source !== 'function') {
    const expected =
      source === undefined ? 'a function (or useClass, or useExisting)' : 'a function';
    throw typeError('ERR_SLUICE_OPTIONS', `forRootAsync.${name}`, source, expected);
  }
  if (inject !== undefined && name !== 'useFactory') {
    const expected = `left out beside '${name}': the class injects what it needs itself`;
    throw typeError('ERR_SLUICE_OPTIONS', 'forRootAsync.inject', withheld(inject), expected);
  }
  checkPlacement(rest, 'forRootAsync');
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string')) {
    throw typeError('ERR_SLUICE_OPTIONS', 'forRootAsync.names', names, "limiters' names");
  }
}

/** @throws as `checkModuleOptions` */
export function checkDecoratorOptions(decorator: RateLimitOptions): void {
  const known = Object.keys(DECORATOR_OPTIONS);
  refusePolicy(decorator, '@RateLimit', known);
  refuseThrottlers(decorator, '@RateLimit');
  checkOptionNames(decorator, known, '@RateLimit', { secret: true });
  const options = given(decorator);
  if (Object.keys(options).length === 0) {
    const expected = 'given a limiter, policies, a key, a plan, a cost or limits';
    throw typeError('ERR_SLUICE_OPTIONS', '@RateLimit', options, expected);
  }
  checkRequestOptions(options, '@RateLimit');
  const { limiter, policies, plan, name } = options;
  for (const [option, value] of Object.entries({ limiter, name })) {
    if (value === undefined || (typeof value === 'string' && value !== '')) continue;
    const expected = 'a string that is not empty';
    throw typeError('ERR_SLUICE_OPTIONS', `@RateLimit.${option}`, value, expected);
  }
  if (policies === undefined) return;
  within('@RateLimit', () => readPolicies(policies));
  if (limiter !== undefined) {
    const expected = "left out beside 'limiter', which has its own";
    throw typeError('ERR_SLUICE_OPTIONS', '@RateLimit.policies', policies, expected);
  }
  if (plan !== undefined) {
    const expected = "left out beside 'policies', which belong to no plan";
    throw typeError('ERR_SLUICE_OPTIONS', '@RateLimit.plan', plan, expected);
  }
}
