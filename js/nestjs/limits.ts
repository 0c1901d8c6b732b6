// The rules of a NestJS application's handlers: limiter, key, cost, plan and limits.

import type { ExecutionContext, OnModuleInit, Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { LimiterOptions } from '../create-limiter.js';
import { HttpGuard } from '../http/guard.js';
import { type HttpLimiter, isStub } from '../http/limiter.js';
import { checkDefaultKey, checkDefaultPlan } from '../http/request-options.js';
import { SluiceError } from '../limiter/errors.js';
import {
  classesOf,
  getLimiterToken,
  type Handler,
  isDecorated,
  methodsOf,
  readDecorators,
} from './decorators.js';
import { isException } from './denial.js';
import { DEFAULT, type ModuleLimiters, readProvided, unknownLimiter } from './limiters.js';
import {
  given,
  type NestRequest,
  type RateLimitOptions,
  type SluiceModuleOptions,
} from './options.js';

/** The rule for the requests of a handler. */
export interface Rule {
  readonly guard: HttpGuard<NestRequest, ExecutionContext>;
  /** The decorator's key function, else the module's. */
  readonly key: RateLimitOptions['key'];
  /** Whether an HTTP request without a key is counted by the client's address. */
  readonly fallsBackOnAddress: boolean;
  /** Whether the key function was written for this handler. */
  readonly hasOwnKey: boolean;
  readonly hasPlan: boolean;
  /** Whether an admitted call may hold a slot until it ends. */
  readonly takesSlots: boolean;
}

/** Nest's metadata key of methods that handle requests. */
const PATH_METADATA = 'path';

function hasPath(method: Handler): boolean {
  return Reflect.hasMetadata(PATH_METADATA, method);
}

/** The name of the handler in the class's prototypes; the function's own name may be a wrapper's. */
function methodName(type: Type, handler: Handler): string {
  for (const [name, method] of methodsOf(type)) {
    if (method === handler) return name;
  }
  return handler.name;
}

function hasSlots({ policies, plans }: HttpLimiter): boolean {
  const sets = [policies, ...Object.values(plans)];
  return sets.some((set) =>
    Object.values(set).some((policy) => policy?.algorithm === 'concurrency'),
  );
}

/** The module makes one per application. Not public. */
export class HandlerLimits implements OnModuleInit {
  readonly options: SluiceModuleOptions;
  readonly #modules: ModulesContainer;
  readonly #made: ModuleLimiters;
  readonly #limiters: ReadonlyMap<string, HttpLimiter>;
  readonly #rules = new Map<Type, Map<Handler, Rule | undefined>>();
  readonly #guardsAll: boolean;
  /** The class whose handlers' policies use a state name. */
  readonly #named = new Map<string, Type>();

  /**
   * @param made makes the limiters without a token
   * @param provided limiters by name, as their tokens provide them
   * @param guardsAll whether `SluiceGuard` itself guards all handlers, so that no other guard finds their keys
   */
  constructor(
    options: SluiceModuleOptions,
    modules: ModulesContainer,
    made: ModuleLimiters,
    provided: ReadonlyMap<string, unknown>,
    guardsAll: boolean,
  ) {
    this.options = options;
    this.#modules = modules;
    this.#made = made;
    this.#guardsAll = guardsAll;
    this.#limiters = new Map(
      made.names.map((name) => [
        name,
        provided.has(name)
          ? readProvided(provided.get(name), getLimiterToken(name))
          : made.named(name, 'limiters'),
      ]),
    );
  }

  get limiterNames(): readonly string[] {
    return [...this.#limiters.keys()];
  }

  /** `undefined` for a handler that is not limited. */
  rule(type: Type, handler: Handler): Rule | undefined {
    const rules = this.#rules.get(type) ?? new Map<Handler, Rule | undefined>();
    this.#rules.set(type, rules);
    if (!rules.has(handler)) rules.set(handler, this.#makeRule(type, handler));
    return rules.get(handler);
  }

  /** Reports mistakes in decorators when the application starts, not at its first request. */
  onModuleInit(): void {
    for (const type of classesOf(this.#modules.values())) {
      for (const [, method] of methodsOf(type)) {
        // Handlers of HTTP requests, and others with a decorator: of resolvers, gateways, queues.
        if (hasPath(method) || isDecorated(method)) this.#checkHandler(type, method);
      }
    }
  }

  #checkHandler(type: Type, handler: Handler): void {
    const rule = this.rule(type, handler);
    if (rule === undefined || !this.#guardsAll || !hasPath(handler)) return;
    const method = `${type.name}.${methodName(type, handler)}`;
    const { limiter } = rule.guard;
    if (rule.key === undefined) checkDefaultKey(limiter, `the key of ${method}`);
    if (!rule.hasPlan) checkDefaultPlan(limiter, `the plan of ${method}`);
  }

  #limiter(name: string, where: string): HttpLimiter {
    const limiter = this.#limiters.get(name);
    if (limiter === undefined) throw unknownLimiter(name, this.limiterNames, where);
    return limiter;
  }

  #makeRule(type: Type, handler: Handler): Rule | undefined {
    const decorated = readDecorators(type, handler);
    if (decorated === undefined) return undefined;
    const method = `${type.name}.${methodName(type, handler)}`;
    const { policies, limiter: name, key = this.options.key } = decorated;
    const { keyFallback } = decorated.key === undefined ? this.options : decorated;
    let { cost, limits, plan } = decorated;
    let limiter: HttpLimiter;
    if (policies !== undefined) {
      limiter = this.#makeForHandler(decorated, policies, type, handler);
    } else {
      const isPlain = Object.keys(decorated).length === 0;
      if (name === undefined && isPlain && !this.#limiters.has(DEFAULT)) return undefined;
      limiter = this.#limiter(name ?? DEFAULT, `@RateLimit.limiter of ${method}`);
      if (name === undefined) cost ??= this.options.cost;
      if (name === undefined) limits ??= this.options.limits;
      // A caller has one plan everywhere, but a plan for a limiter without plans is a mistake. A replacement does not
      // show whether it has plans, and takes any.
      const takesPlan = isStub(limiter) || Object.keys(limiter.plans).length > 0;
      if (name === undefined || takesPlan) plan ??= this.options.plan;
    }
    if (keyFallback !== undefined) checkDefaultKey(limiter, `the keyFallback of ${method}`);
    const { headers, retryAfterJitter, slotRetryAfter } = this.options;
    const { skipFailedRequests, skipSuccessfulRequests, requestWasSuccessful, onRequestError } = {
      ...this.options,
      ...decorated,
    };
    const guard = new HttpGuard<NestRequest, ExecutionContext>(
      limiter,
      given({
        cost,
        plan,
        limits,
        headers,
        retryAfterJitter,
        slotRetryAfter,
        skipFailedRequests,
        skipSuccessfulRequests,
        requestWasSuccessful,
        onRequestError,
        isAnswer: isException,
      }),
      method,
      (option) => `the ${option} of ${method}`,
    );
    return {
      guard,
      key,
      fallsBackOnAddress: keyFallback !== undefined,
      hasOwnKey: decorated.key !== undefined,
      hasPlan: plan !== undefined,
      takesSlots: hasSlots(limiter),
    };
  }

  #makeForHandler(
    { name = '' }: RateLimitOptions,
    policies: NonNullable<LimiterOptions['policies']>,
    type: Type,
    handler: Handler,
  ): HttpLimiter {
    const stateName = `${name || type.name}.${methodName(type, handler)}`;
    const other = this.#named.get(stateName);
    if (other !== undefined && other !== type) {
      const message = `two controllers of one name have policies for '${stateName}', and would share their counts: give one of them another name, or @RateLimit({ name })`;
      throw new SluiceError('ERR_SLUICE_HANDLER_CLASH', message);
    }
    this.#named.set(stateName, type);
    return this.#made.makeForHandler(policies, stateName);
  }
}
