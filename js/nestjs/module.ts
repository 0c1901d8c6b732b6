// The NestJS module: makes an application's limiters, and provides them everywhere.

import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_GUARD, ModulesContainer } from '@nestjs/core';
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
} from './options.js';
import { SetupCheck } from './setup.js';

const OPTIONS = 'SluiceModuleOptions';

/** Import it once, in the root module. All modules see its providers. */
// biome-ignore lint/complexity/noStaticOnlyClass: the form of a Nest module
export class SluiceModule {
  /** @throws TypeError, RangeError with a code `ERR_SLUICE_*` for wrong options */
  static forRoot<Request = NestRequest>(options: SluiceModuleOptions<Request>): DynamicModule {
    checkRootOptions(options as SluiceModuleOptions);
    const given = ownOptions(options as SluiceModuleOptions);
    const names = Object.keys(given.limiters ?? { default: true });
    return describe({ useFactory: () => given }, names, { global: given.global });
  }

  /** Like `forRoot`, with options from a factory with injected dependencies. */
  static forRootAsync<Request = NestRequest, Args extends unknown[] = unknown[]>(
    options: SluiceModuleAsyncOptions<Request, Args>,
  ): DynamicModule {
    checkAsyncOptions(options as unknown as SluiceModuleAsyncOptions<never, never[]>);
    const { useFactory, inject = [], imports, names = ['default'], global } = ownOptions(options);
    const make = async (...args: Args) => {
      const made = (await useFactory(...args)) as SluiceModuleOptions;
      checkModuleOptions(made, 'the result of forRootAsync.useFactory');
      return ownOptions(made);
    };
    const source = { useFactory: make as () => unknown, inject };
    return describe(source, names, { global, imports, isAsync: true });
  }
}

Module({})(SluiceModule);

interface ModuleDetails {
  global: boolean | undefined;
  imports?: DynamicModule['imports'];
  isAsync?: boolean;
}

function describe(
  source: { useFactory: () => unknown; inject?: SluiceModuleAsyncOptions['inject'] & object },
  names: readonly string[],
  { global: guardsAll = false, imports, isAsync = false }: ModuleDetails,
): DynamicModule {
  const limiters = names.map((name) => ({
    provide: getLimiterToken(name),
    useFactory: (made: ModuleLimiters) => made.named(name, '@InjectLimiter'),
    inject: [ModuleLimiters],
  }));
  const tokens = limiters.map(({ provide }) => provide);
  const providers: Provider[] = [
    { provide: OPTIONS, ...source },
    {
      provide: ModuleLimiters,
      useFactory: (options: SluiceModuleOptions) => new ModuleLimiters(options),
      inject: [OPTIONS],
    },
    {
      provide: HandlerLimits,
      useFactory: (
        options: SluiceModuleOptions,
        modules: ModulesContainer,
        made: ModuleLimiters,
        ...provided: unknown[]
      ) => {
        const byName = new Map(names.map((name, i) => [name, provided[i]]));
        return new HandlerLimits(options, modules, made, byName, guardsAll);
      },
      // Injects the tokens, not the module's own limiters, so that `overrideProvider` reaches the guard.
      inject: [OPTIONS, ModulesContainer, ModuleLimiters, ...tokens],
    },
    SluiceGuard,
    ...limiters,
  ];
  if (guardsAll) providers.push({ provide: APP_GUARD, useExisting: SluiceGuard });
  const exports = [HandlerLimits, SluiceGuard, ...tokens];
  const module: DynamicModule = { module: SluiceModule, global: true, providers, exports };
  if (imports !== undefined) module.imports = imports;
  providers.push({
    provide: SetupCheck,
    useFactory: (modules: ModulesContainer) =>
      new SetupCheck(modules, module, { guardsAll, isAsync }),
    inject: [ModulesContainer],
  });
  return module;
}
