// The NestJS module: makes an application's limiters, and provides them everywhere.

import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_GUARD, ModulesContainer } from '@nestjs/core';
import { typeError, withheld } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import { getLimiterToken } from './decorators.js';
import { SluiceGuard } from './guard.js';
import { ModuleLimiters } from './limiters.js';
import { HandlerLimits } from './limits.js';
import {
  checkAsyncOptions,
  checkModuleOptions,
  checkRootOptions,
  type NestRequest,
  type SluiceModuleAsyncOptions,
  type SluiceModuleOptions,
  type SluiceOptionsFactory,
} from './options.js';
import { SetupCheck } from './setup.js';

/** Other modules read the constructor of each provider's value, and options without a prototype have none. */
class ModuleOptions {
  readonly options: SluiceModuleOptions;

  constructor(options: SluiceModuleOptions) {
    this.options = options;
  }
}

/**
 * Makes the limiters of an application. Import it once, in the root module: all modules see its providers, unless
 * `isGlobal` is false.
 *
 * @example
 * import { tokenBucket } from 'sluice';
 * import { SluiceModule } from 'sluice/nestjs';
 *
 * const imports = [
 *   SluiceModule.forRoot({
 *     policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }),
 *     guard: true,
 *   }),
 * ];
 */
// biome-ignore lint/complexity/noStaticOnlyClass: the form of a Nest module
export class SluiceModule {
  /**
   * Makes limiters of fixed options.
   *
   * @throws TypeError, RangeError with a code `ERR_SLUICE_*` for wrong options
   * @example
   * import { slidingLog, tokenBucket } from 'sluice';
   * import { SluiceModule } from 'sluice/nestjs';
   *
   * SluiceModule.forRoot({
   *   limiters: {
   *     default: { policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) },
   *     login: { policies: slidingLog({ limit: 5, window: '15m' }) },
   *   },
   *   guard: true,
   * });
   */
  static forRoot<Request = NestRequest>(options: SluiceModuleOptions<Request>): DynamicModule {
    checkRootOptions(options as SluiceModuleOptions);
    const given = ownOptions(options as SluiceModuleOptions);
    const names = Object.keys(given.limiters ?? { default: true });
    return describe({ useFactory: () => new ModuleOptions(given) }, names, given);
  }

  /**
   * Like `forRoot`, with options from a factory with injected dependencies, or from a class.
   *
   * @example
   * import { redis, tokenBucket } from 'sluice';
   * import { SluiceModule } from 'sluice/nestjs';
   *
   * SluiceModule.forRootAsync({
   *   inject: ['REDIS_URL'], // a token of one of your providers
   *   useFactory: (url: string) => ({
   *     policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }),
   *     store: redis(url),
   *   }),
   *   guard: true,
   * });
   *
   * @throws as `forRoot`; wrong options of a factory end the start of the application
   */
  static forRootAsync<Request = NestRequest, Args extends unknown[] = unknown[]>(
    options: SluiceModuleAsyncOptions<Request, Args>,
  ): DynamicModule {
    checkAsyncOptions(options as unknown as SluiceModuleAsyncOptions<never, never[]>);
    const given = ownOptions(options) as SluiceModuleAsyncOptions;
    const { names = ['default'], useFactory, useClass, useExisting, inject = [] } = given;
    const token = useExisting ?? useClass;
    const what = `the result of ${nameOf(given)}`;
    const make = async (...args: unknown[]) => {
      const made = await (useFactory?.(...args) ?? createOptions(args[0], what));
      checkModuleOptions(made, what);
      return new ModuleOptions(ownOptions(made));
    };
    const source = { useFactory: make, inject: token === undefined ? inject : [token] };
    return describe(source, names, given, true);
  }
}

function nameOf({ useFactory, useClass }: SluiceModuleAsyncOptions): string {
  if (useFactory !== undefined) return 'forRootAsync.useFactory';
  return `createSluiceOptions() of forRootAsync.${useClass === undefined ? 'useExisting' : 'useClass'}`;
}

/** @throws TypeError `ERR_SLUICE_OPTIONS` for a provider that makes no options */
function createOptions(factory: unknown, what: string) {
  const { createSluiceOptions } = Object(factory) as Partial<SluiceOptionsFactory>;
  if (typeof createSluiceOptions === 'function') {
    return (factory as SluiceOptionsFactory).createSluiceOptions();
  }
  const expected = 'made by a provider with a method createSluiceOptions()';
  throw typeError('ERR_SLUICE_OPTIONS', what, withheld(factory), expected);
}

Module({})(SluiceModule);

type ModuleDetails = Pick<
  SluiceModuleAsyncOptions,
  'guard' | 'global' | 'isGlobal' | 'imports' | 'useClass'
>;

function describe(
  source: { useFactory: () => unknown; inject?: SluiceModuleAsyncOptions['inject'] & object },
  names: readonly string[],
  { guard, global, isGlobal = true, imports, useClass }: ModuleDetails,
  isAsync = false,
): DynamicModule {
  const guardsAll = guard ?? global ?? false;
  const limiters = names.map((name) => ({
    provide: getLimiterToken(name),
    useFactory: (made: ModuleLimiters) => made.named(name, '@InjectLimiter'),
    inject: [ModuleLimiters],
  }));
  const tokens = limiters.map(({ provide }) => provide);
  const providers: Provider[] = [
    { provide: ModuleOptions, ...source },
    {
      provide: ModuleLimiters,
      useFactory: ({ options }: ModuleOptions) => new ModuleLimiters(options),
      inject: [ModuleOptions],
    },
    {
      provide: HandlerLimits,
      useFactory: (
        { options }: ModuleOptions,
        modules: ModulesContainer,
        made: ModuleLimiters,
        ...provided: unknown[]
      ) => {
        const byName = new Map(names.map((name, i) => [name, provided[i]]));
        return new HandlerLimits(options, modules, made, byName, guardsAll);
      },
      // Injects the tokens, not the module's own limiters, so that `overrideProvider` reaches the guard.
      inject: [ModuleOptions, ModulesContainer, ModuleLimiters, ...tokens],
    },
    SluiceGuard,
    ...limiters,
  ];
  if (guardsAll) providers.push({ provide: APP_GUARD, useExisting: SluiceGuard });
  const exports = [HandlerLimits, SluiceGuard, ...tokens];
  const module: DynamicModule = { module: SluiceModule, global: isGlobal, providers, exports };
  if (useClass !== undefined) providers.push(useClass);
  if (imports !== undefined) module.imports = imports;
  providers.push({
    provide: SetupCheck,
    useFactory: (modules: ModulesContainer) =>
      new SetupCheck(modules, module, { guardsAll, isAsync }),
    inject: [ModulesContainer],
  });
  return module;
}
