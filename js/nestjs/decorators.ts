// Decorators of NestJS handlers and parameters, and their values.

import { type CustomDecorator, Inject, SetMetadata, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { typeError } from '../limiter/errors.js';
import {
  checkDecoratorOptions,
  given,
  type NestRequest,
  type RateLimitOptions,
} from './options.js';

/** A handler of a controller (or a resolver, a gateway). */
// biome-ignore lint/complexity/noBannedTypes: the result of ExecutionContext.getHandler()
export type Handler = Function;

type Classes = ReadonlyMap<unknown, { readonly metatype: unknown }>;

/** The classes of one of Nest's modules. */
interface ModuleClasses {
  readonly controllers: Classes;
  readonly providers: Classes;
}

const RATE_LIMIT = 'sluice:rate-limit';
const SKIP = 'sluice:skip-rate-limit';
const reflector = new Reflector();

/**
 * Limits a handler, or each handler of a class, in another way than the module:
 * `@RateLimit({ policies: slidingLog({ limit: 5, window: '1h' }) })`. It takes effect where `SluiceGuard` guards.
 *
 * @throws TypeError, RangeError with a code `ERR_SLUICE_*` for wrong options
 * @example
 * import { applyDecorators, Post } from '@nestjs/common';
 * import { slidingLog } from 'sluice';
 * import { RateLimit } from 'sluice/nestjs';
 *
 * // A decorator of a route with its own limit.
 * const LoginRoute = () =>
 *   applyDecorators(Post('login'), RateLimit({ policies: slidingLog({ limit: 5, window: '1h' }) }));
 */
export function RateLimit<Request = NestRequest>(
  options: RateLimitOptions<Request>,
): CustomDecorator {
  checkDecoratorOptions(options as RateLimitOptions);
  return SetMetadata(RATE_LIMIT, given(options));
}

/**
 * Exempts a handler from `SluiceGuard`; on a class, the handlers without their own `@RateLimit`. Write
 * `@SkipRateLimit()` above either.
 *
 * @example
 * import { applyDecorators, Get } from '@nestjs/common';
 * import { SkipRateLimit } from 'sluice/nestjs';
 *
 * // A decorator of a route without a limit.
 * const HealthRoute = () => applyDecorators(Get('health'), SkipRateLimit());
 */
export function SkipRateLimit(): CustomDecorator {
  return SetMetadata(SKIP, true);
}

/**
 * The provider token of a limiter, for `overrideProvider` and `inject`.
 *
 * @example
 * import { Test } from '@nestjs/testing';
 * import { tokenBucket } from 'sluice';
 * import { getLimiterToken, SluiceModule } from 'sluice/nestjs';
 * import { allowAll } from 'sluice/testing';
 *
 * const policies = tokenBucket({ capacity: 20, every: '1s' });
 * const module = await Test.createTestingModule({ imports: [SluiceModule.forRoot({ policies })] })
 *   .overrideProvider(getLimiterToken())
 *   .useValue(allowAll())
 *   .compile();
 */
export function getLimiterToken(name = 'default'): string {
  return `SluiceLimiter:${name}`;
}

/**
 * Injects a limiter of the module, the same one that the guard uses. Works anywhere, even without a request.
 *
 * @example
 * import type { Limiter } from 'sluice';
 * import { InjectLimiter } from 'sluice/nestjs';
 *
 * class Mailer {
 *   constructor(@InjectLimiter('mail') private readonly limiter: Limiter) {}
 * }
 */
export function InjectLimiter(name = 'default'): PropertyDecorator & ParameterDecorator {
  return Inject(getLimiterToken(name));
}

/** Whether the handler itself has a `@RateLimit`. */
export function isDecorated(handler: Handler): boolean {
  return reflector.get<unknown>(RATE_LIMIT, handler) !== undefined;
}

/** The merged decorators of a handler and its class; `undefined` if it is to be skipped. */
export function readDecorators(type: Type, handler: Handler): RateLimitOptions | undefined {
  const ofClass = reflector.get<RateLimitOptions | undefined>(RATE_LIMIT, type);
  const ofHandler = reflector.get<RateLimitOptions | undefined>(RATE_LIMIT, handler);
  const skipped = reflector.get<true | undefined>(SKIP, handler) === true;
  if (skipped && ofHandler !== undefined) {
    const where = `@SkipRateLimit of ${type.name}.${handler.name}`;
    throw typeError('ERR_SLUICE_OPTIONS', where, ofHandler, 'left out beside @RateLimit');
  }
  if (skipped) return undefined;
  if (ofHandler === undefined && reflector.get<true | undefined>(SKIP, type)) return undefined;
  const merged: RateLimitOptions = given({ ...ofClass, ...ofHandler });
  // A fallback completes the key beside it.
  if (ofHandler?.key !== undefined && ofHandler.keyFallback === undefined)
    delete merged.keyFallback;
  // A limiter and policies exclude each other, and options that may name policies or plans belong to them.
  if (ofHandler?.limiter !== undefined) delete merged.policies;
  if (ofHandler?.policies !== undefined) delete merged.limiter;
  if (ofHandler?.limiter === undefined && ofHandler?.policies === undefined) return merged;
  for (const option of ['cost', 'plan', 'limits'] as const) {
    if (ofHandler[option] === undefined) delete merged[option];
  }
  return merged;
}

/** The classes of an application's controllers and providers. */
export function* classesOf(modules: Iterable<ModuleClasses>): Generator<Type> {
  const seen = new Set<unknown>();
  for (const { controllers, providers } of modules) {
    for (const { metatype } of [...controllers.values(), ...providers.values()]) {
      if (typeof metatype !== 'function' || seen.has(metatype)) continue;
      seen.add(metatype);
      yield metatype as Type;
    }
  }
}

/** The methods of a class by name, inherited ones included. */
export function* methodsOf(type: Type): Generator<[string, Handler]> {
  const seen = new Set(['constructor']);
  for (let proto = type.prototype; proto; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.getOwnPropertyNames(proto)) {
      const method: unknown = Object.getOwnPropertyDescriptor(proto, name)?.value;
      const first = !seen.has(name);
      seen.add(name);
      if (first && typeof method === 'function') yield [name, method];
    }
  }
}
