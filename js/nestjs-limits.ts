// The limiters of a NestJS application: which one a handler is asked of, and which ones are to be closed.

import type { OnApplicationShutdown, OnModuleInit, Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { rangeError, SluiceError } from './errors.js';
import { asHttpLimiter, type HttpLimiter, makeLimiter, type Question } from './http-limiter.js';
import { type PolicyField, policyField } from './http-policies.js';
import {
  checkDefaultKey,
  checkDefaultPlan,
  checkQuestion,
  type KeyKinds,
  keyKindsOf,
} from './http-question.js';
import type { LimiterOptions } from './limiter.js';
import { memory } from './memory-store.js';
import { type Handler, readDecorators } from './nestjs-decorators.js';
import {
  given,
  isLimiter,
  type NamedLimiterOptions,
  type RateLimitOptions,
  type SluiceModuleOptions,
} from './nestjs-options.js';
import { readPolicies } from './options.js';

/** How the requests of a handler are limited. */
export interface Rule {
  readonly limiter: HttpLimiter;
  readonly key: RateLimitOptions['key'];
  readonly keyKinds: KeyKinds | undefined;
  /** Cost, plan and limits: what else a request is asked with. */
  readonly question: Pick<RateLimitOptions, keyof Question>;
  /** The `RateLimit-Policy` field. */
  readonly policyField: PolicyField;
}

/** What Nest marks a method with that handles requests. */
const PATH_METADATA = 'path';
const DEFAULT = 'default';

/** The name under which a class's prototypes hold the handler; that of the function itself may be a wrapper's. */
function methodName(type: Type, handler: Handler): string {
  for (let proto = type.prototype; proto; proto = Object.getPrototypeOf(proto)) {
    const names = Object.getOwnPropertyNames(proto);
    const found = names.find(
      (name) => Object.getOwnPropertyDescriptor(proto, name)?.value === handler,
    );
    if (found !== undefined) return found;
  }
  return handler.name;
}

function* handlersOf(type: Type): Generator<Handler> {
  const seen = new Set<string>();
  for (let proto = type.prototype; proto; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.getOwnPropertyNames(proto)) {
      const method: unknown = Object.getOwnPropertyDescriptor(proto, name)?.value;
      const first = !seen.has(name) && name !== 'constructor'; // The class has a path of its own.
      seen.add(name);
      if (first && typeof method === 'function' && Reflect.hasMetadata(PATH_METADATA, method)) {
        yield method;
      }
    }
  }
}

/** Whether a policy counts by parts of a key. */
function hasParts({ policies, plans }: NamedLimiterOptions): boolean {
  const sets = Object.values(plans ?? { only: policies! });
  return sets.some((set) =>
    Object.values(readPolicies(set).policies).some(({ by }) => by !== undefined),
  );
}

/** Made once per application, by the module. Not part of the package's face. */
export class HandlerLimits implements OnModuleInit, OnApplicationShutdown {
  readonly options: SluiceModuleOptions;
  readonly #modules: ModulesContainer;
  readonly #shared: Partial<LimiterOptions> & { prefix: string };
  /** For limiters that count by parts of a key. */
  readonly #shardBy: string | undefined;
  readonly #limiters = new Map<string, HttpLimiter>();
  /** Those that were made here, and not handed in. */
  readonly #own: HttpLimiter[] = [];
  readonly #rules = new Map<Type, Map<Handler, Rule | undefined>>();
  readonly #guardsAll: boolean;
  /** Which class and handler the state of decorators' policies is named after. */
  readonly #named = new Map<string, Type>();

  /** `guardsAll`: whether `SluiceGuard` itself guards all handlers, so that no other finds their keys. */
  constructor(options: SluiceModuleOptions, modules: ModulesContainer, guardsAll: boolean) {
    this.options = options;
    this.#modules = modules;
    this.#guardsAll = guardsAll;
    const { policies, plans, limiters, store = memory(), prefix = 'sluice' } = given(options);
    const { onStoreError, localShare, deadlineMs, denialCache, shardBy } = options;
    this.#shardBy = shardBy;
    this.#shared = {
      store,
      prefix,
      ...given({ onStoreError, localShare, deadlineMs, denialCache }),
    };
    const own = { ...given({ policies, plans, shardBy }) } as NamedLimiterOptions;
    for (const [name, source] of Object.entries(limiters ?? { [DEFAULT]: own })) {
      const limiterPrefix = name === DEFAULT ? prefix : `${prefix}:${name}`;
      this.#limiters.set(
        name,
        isLimiter(source) ? asHttpLimiter(source) : this.#make(source, limiterPrefix),
      );
    }
  }

  /** @throws RangeError `ERR_SLUICE_LIMITER` if there is none of that name */
  limiter(name: string, where: string): HttpLimiter {
    const limiter = this.#limiters.get(name);
    if (limiter !== undefined) return limiter;
    const names = [...this.#limiters.keys()].map((name) => `'${name}'`).join(', ');
    const expected = `one of the module's limiters: ${names || 'it has none'}`;
    throw rangeError('ERR_SLUICE_LIMITER', where, name, expected);
  }

  /** `undefined` for a handler that is not limited. */
  rule(type: Type, handler: Handler): Rule | undefined {
    const rules = this.#rules.get(type) ?? new Map<Handler, Rule | undefined>();
    this.#rules.set(type, rules);
    if (!rules.has(handler)) rules.set(handler, this.#makeRule(type, handler));
    return rules.get(handler);
  }

  /** What is wrong with a decorator is said when the application starts, not by its first request. */
  onModuleInit(): void {
    for (const module of this.#modules.values()) {
      for (const { metatype } of module.controllers.values()) {
        const type = metatype as Type;
        for (const handler of handlersOf(type)) this.rule(type, handler);
      }
    }
  }

  /** After the server has closed. Limiters that were handed in belong to whoever made them. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#own.map((limiter) => limiter.close()));
  }

  #makeRule(type: Type, handler: Handler): Rule | undefined {
    const decorated = readDecorators(type, handler);
    if (decorated === undefined) return undefined;
    const method = `${type.name}.${methodName(type, handler)}`;
    const { policies, limiter: name, key = this.options.key } = decorated;
    let { cost, limits, plan } = decorated;
    let limiter: HttpLimiter;
    if (policies !== undefined) {
      limiter = this.#makeForHandler(decorated, policies, type, handler);
    } else {
      const isPlain = Object.keys(decorated).length === 0;
      if (name === undefined && isPlain && !this.#limiters.has(DEFAULT)) return undefined;
      limiter = this.limiter(name ?? DEFAULT, `@RateLimit.limiter of ${method}`);
      if (name === undefined) cost ??= this.options.cost;
      if (name === undefined) limits ??= this.options.limits;
      // Who asks has the same plan everywhere; but the plan of a module without any is a mistake.
      if (name === undefined || Object.keys(limiter.plans).length > 0) plan ??= this.options.plan;
    }
    const question = given({ cost, plan, limits });
    const keyKinds = keyKindsOf(limiter);
    checkQuestion(limiter, question, (part) => `the ${part} of ${method}`);
    if (this.#guardsAll) {
      if (key === undefined) checkDefaultKey(keyKinds, `the key of ${method}`);
      if (plan === undefined) checkDefaultPlan(limiter, `the plan of ${method}`);
    }
    return { limiter, key, keyKinds, question, policyField: policyField(limiter, limits) };
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
      const message = `two controllers of one name have policies for '${stateName}', and would share what they count: give one of them another name, or @RateLimit({ name })`;
      throw new SluiceError('ERR_SLUICE_HANDLER_CLASH', message);
    }
    this.#named.set(stateName, type);
    // '#', where a named limiter has ':', so that no handler's state is a named limiter's.
    return this.#make({ policies }, `${this.#shared.prefix}#${stateName}`);
  }

  #make(options: NamedLimiterOptions, prefix: string): HttpLimiter {
    const shardBy = hasParts(options) ? this.#shardBy : undefined;
    const shared = { ...this.#shared, ...given({ shardBy }) };
    const limiter = makeLimiter({ ...shared, prefix, ...given(options) });
    this.#own.push(limiter);
    return limiter;
  }
}
