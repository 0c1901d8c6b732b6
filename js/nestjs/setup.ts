// Finds mistakes in an application's set-up of SluiceModule and SluiceGuard when it starts.

import type { DynamicModule, OnModuleInit, Type } from '@nestjs/common';
import { APP_GUARD, type ModulesContainer } from '@nestjs/core';
import { typeError, withheld } from '../limiter/errors.js';
import { warn } from '../limiter/warn.js';
import { classesOf, type Handler, methodsOf } from './decorators.js';
import { SluiceGuard } from './guard.js';
import { HandlerLimits } from './limits.js';

type NestModule = ModulesContainer extends Map<string, infer Each> ? Each : never;

/** Nest's metadata keys of `@Module` and `@UseGuards`. */
const IMPORTS_METADATA = 'imports';
const GUARDS_METADATA = '__guards__';

const MOST_PLACES = 6;

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

function usesGuard(target: Type | Handler): boolean {
  const guards: unknown = Reflect.getMetadata(GUARDS_METADATA, target);
  return Array.isArray(guards) && guards.includes(SluiceGuard);
}

/** Whether a module guards all handlers by providing `SluiceGuard` as `APP_GUARD`. */
function guardsAllByProvider(module: NestModule): boolean {
  // Nest gives each such provider its own token: 'APP_GUARD (UUID: ...)'.
  return [...module.providers, ...module.injectables].some(
    ([token, { metatype, isAlias, inject }]) =>
      String(token).startsWith(APP_GUARD) &&
      (metatype === SluiceGuard || (isAlias && inject?.[0] === SluiceGuard)),
  );
}

/** The places where `@UseGuards(SluiceGuard)` guards a handler that `others` other guards guard too. */
function placesOf(type: Type, others: number): string[] {
  const onClass = usesGuard(type) ? [`@UseGuards(SluiceGuard) of ${type.name}`] : [];
  const onMethods = [...methodsOf(type)]
    .filter(([, method]) => usesGuard(method))
    .map(([name]) => `@UseGuards(SluiceGuard) of ${type.name}.${name}`);
  const isTwice = others + onClass.length > 1 || (others + onClass.length === 1 && onMethods[0]);
  return isTwice ? [...onClass, ...onMethods] : [];
}

/** One for each `forRoot` or `forRootAsync` of an application, provided by its module. Not public. */
export class SetupCheck implements OnModuleInit {
  readonly #modules: ModulesContainer;
  readonly #source: DynamicModule;
  readonly #guardsAll: boolean;
  readonly #isAsync: boolean;

  /** @param source what `forRoot` returned */
  constructor(
    modules: ModulesContainer,
    source: DynamicModule,
    { guardsAll, isAsync }: { guardsAll: boolean; isAsync: boolean },
  ) {
    this.#modules = modules;
    this.#source = source;
    this.#guardsAll = guardsAll;
    this.#isAsync = isAsync;
  }

  /** @throws TypeError `ERR_SLUICE_OPTIONS` if limiters would be made for each request */
  onModuleInit(): void {
    const all = [...this.#modules.values()];
    const checks = all.flatMap((module) => {
      const check: unknown = module.providers.get(SetupCheck)?.instance;
      return check instanceof SetupCheck ? [{ check, module }] : [];
    });
    const own = checks.find(({ check }) => check === this)!.module;
    this.#checkScope(own);
    if (checks[0]?.check !== this) return; // One of them reports for all.
    if (checks.length > 1) warnOfSeveral(all, checks);
    warnOfGuards(all, checks);
  }

  /** Nest makes dependents of a request anew for each request: limiters, and the memory store in which they count. */
  #checkScope({ providers }: NestModule): void {
    if (providers.get(HandlerLimits)!.isDependencyTreeStatic()) return;
    const where = this.#isAsync
      ? 'forRootAsync.inject, or the replacement of a limiter,'
      : 'the replacement of a limiter';
    const expected =
      "free of request-scoped providers, since limiters that are made for each request never limit: read the request in 'key', 'plan', 'cost' or 'limits'";
    throw typeError('ERR_SLUICE_OPTIONS', where, withheld(undefined, 'one'), expected);
  }

  /** Its importers, and the names of its limiters. */
  describe(all: readonly NestModule[], { providers }: NestModule): string {
    const importers = all.filter(({ metatype }) => {
      const imports: unknown = Reflect.getMetadata(IMPORTS_METADATA, metatype);
      return Array.isArray(imports) && imports.includes(this.#source);
    });
    const names = importers.map(({ name }) => name).join(' and ') || 'a dynamic module';
    const limits: unknown = providers.get(HandlerLimits)?.instance;
    const limiters = limits instanceof HandlerLimits ? limits.limiterNames : [];
    return `${names} (limiters ${quoted(limiters)})`;
  }

  get guardsAll(): boolean {
    return this.#guardsAll;
  }
}

type Checks = readonly { readonly check: SetupCheck; readonly module: NestModule }[];

function warnOfSeveral(all: readonly NestModule[], checks: Checks): void {
  const importers = checks.map(({ check, module }) => check.describe(all, module));
  const guards = checks.filter(({ check }) => check.guardsAll).length;
  const effect =
    guards > 1
      ? `each request is limited ${guards} times, and its handler's own policies are charged ${guards} times`
      : '@InjectLimiter and SluiceGuard get the limiters of any one of them';
  warn(
    'SLUICE_MODULE_TWICE',
    `SluiceModule is set up ${checks.length} times, by ${importers.join(' and by ')}: ${effect}. ` +
      "Call forRoot once, in the root module: its option 'limiters' makes several.",
  );
}

function warnOfGuards(all: readonly NestModule[], checks: Checks): void {
  const own = checks.map(({ module }) => module);
  const byModule = checks.some(({ check }) => check.guardsAll)
    ? ['SluiceModule with guard: true']
    : [];
  const byProvider = all
    .filter((module) => !own.includes(module) && guardsAllByProvider(module))
    .map(({ name }) => `APP_GUARD of ${name}`);
  const everywhere = [...byModule, ...byProvider];
  const places = [...classesOf(all)].flatMap((type) => placesOf(type, everywhere.length));
  if (everywhere.length < 2 && places.length === 0) return;
  const shown = [...everywhere, ...places].slice(0, MOST_PLACES);
  const more = everywhere.length + places.length - shown.length;
  warn(
    'SLUICE_GUARDED_TWICE',
    `Handlers are guarded more than once by SluiceGuard, and each time a request is charged: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}. Keep one of them.`,
  );
}
