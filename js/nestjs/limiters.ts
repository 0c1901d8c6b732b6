// The limiters of a NestJS module, and their replacements in tests.

import type { OnApplicationShutdown } from '@nestjs/common';
import type { LimiterOptions } from '../create-limiter.js';
import {
  asHttpLimiter,
  type HttpCheckOptions,
  type HttpLimiter,
  isLimiter,
  isStub,
  makeLimiter,
} from '../http/limiter.js';
import { rangeError, typeError } from '../limiter/errors.js';
import { memory } from '../limiter/memory-store.js';
import { readPlans } from '../limiter/plans.js';
import type { AnyLimiter, Decision, Key } from '../limiter/types.js';
import { given, type NamedLimiterOptions, type SluiceModuleOptions } from './options.js';

export const DEFAULT = 'default';

/** Whether the policies count by parts of a key. */
function hasParts(options: NamedLimiterOptions): boolean {
  const { policies, plans } = given(options);
  return readPlans(given({ policies, plans })).some(({ keys }) => !keys.plain);
}

/**
 * Makes a module's limiters on first use: a limiter that a test replaces is never made, and does not connect to its
 * store. One instance per module and application. Not public.
 */
export class ModuleLimiters implements OnApplicationShutdown {
  readonly #shared: Partial<LimiterOptions> & { prefix: string };
  /** For limiters that count by parts of a key. */
  readonly #shardBy: string | undefined;
  readonly #sources: ReadonlyMap<string, AnyLimiter | NamedLimiterOptions>;
  readonly #limiters = new Map<string, HttpLimiter>();
  /** Limiters made here; not those from the options. */
  readonly #own: HttpLimiter[] = [];

  constructor(options: SluiceModuleOptions) {
    const { policies, plans, limiters, store = memory(), prefix = 'sluice' } = given(options);
    const { onStoreError, localShare, deadlineMs, denialCache, shardBy } = given(options);
    this.#shardBy = shardBy;
    this.#shared = {
      store,
      prefix,
      ...given({ onStoreError, localShare, deadlineMs, denialCache }),
    };
    const own = { ...given({ policies, plans, shardBy }) } as NamedLimiterOptions;
    this.#sources = new Map(Object.entries(limiters ?? { [DEFAULT]: own }));
  }

  /** The names of the limiters in the options. */
  get names(): readonly string[] {
    return [...this.#sources.keys()];
  }

  /** @throws RangeError `ERR_SLUICE_LIMITER` if the options have no limiter of that name */
  named(name: string, where: string): HttpLimiter {
    const made = this.#limiters.get(name);
    if (made !== undefined) return made;
    const source = this.#sources.get(name);
    if (source === undefined) throw unknownLimiter(name, this.names, where);
    const { prefix } = this.#shared;
    const limiter = isLimiter(source)
      ? asHttpLimiter(source)
      : this.#make(source, name === DEFAULT ? prefix : `${prefix}:${name}`);
    this.#limiters.set(name, limiter);
    return limiter;
  }

  /** Makes a limiter for the policies of one handler's decorator. */
  makeForHandler(
    policies: NonNullable<LimiterOptions['policies']>,
    stateName: string,
  ): HttpLimiter {
    // '#' instead of the ':' of a named limiter, so that no handler shares a named limiter's state.
    return this.#make({ policies }, `${this.#shared.prefix}#${stateName}`);
  }

  /** Runs after the server has closed. Limiters from the options belong to the code that made them. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#own.map((limiter) => limiter.close()));
  }

  #make(options: NamedLimiterOptions, prefix: string): HttpLimiter {
    const shardBy = hasParts(options) ? this.#shardBy : undefined;
    const shared = { ...this.#shared, ...given({ shardBy }) };
    const limiter = makeLimiter({ ...shared, prefix, ...given(options) });
    this.#own.push(limiter);
    return limiter;
  }
}

export function unknownLimiter(name: string, known: readonly string[], where: string): Error {
  const names = known.map((each) => `'${each}'`).join(', ');
  const expected = `one of the module's limiters: ${names || 'it has none'}`;
  return rangeError('ERR_SLUICE_LIMITER', where, name, expected);
}

/**
 * The limiter that a token provides: the module's, or a replacement (`overrideProvider`), which needs only a `check`
 * that resolves to `{ allowed }`.
 *
 * @throws TypeError `ERR_SLUICE_LIMITER` for a replacement without `check`
 */
export function readProvided(provided: unknown, token: string): HttpLimiter {
  if (!isStub(provided as AnyLimiter)) return provided as HttpLimiter;
  const replacement = Object(provided) as Partial<HttpLimiter>;
  const where = `the provider of '${token}'`;
  if (typeof replacement.check !== 'function') {
    throw typeError('ERR_SLUICE_LIMITER', where, provided, 'an object with a function check');
  }
  return {
    policyNames: replacement.policyNames ?? [],
    policies: replacement.policies ?? {},
    plans: replacement.plans ?? {},
    store: 'memory',
    check: async (key, options) => {
      // A mock may compare its list of arguments, so `undefined` is not passed on.
      const args: [Key, HttpCheckOptions?] = options === undefined ? [key] : [key, options];
      return completed(await replacement.check!(...args), `what check of ${where} resolves to`);
    },
    ...(replacement.credit && { credit: (...args) => replacement.credit!(...args) }),
    ready: async () => {},
    close: async () => {},
  };
}

/** @throws TypeError `ERR_SLUICE_LIMITER` unless the decision has an `allowed` */
function completed(decision: unknown, where: string): Decision {
  const { allowed, policies } = Object(decision) as Partial<Decision>;
  if (typeof allowed !== 'boolean') {
    throw typeError('ERR_SLUICE_LIMITER', where, decision, "an object with 'allowed: boolean'");
  }
  if (policies !== undefined) return decision as Decision;
  const missing = {
    policy: DEFAULT,
    limit: Number.NaN,
    remaining: Number.NaN,
    // Without a retry time in the decision, the client gets none.
    retryAfterMs: allowed ? 0 : Number.POSITIVE_INFINITY,
    resetAfterMs: 0,
    delayMs: 0,
    source: 'store',
  };
  const filled: Decision = Object.assign(missing, decision as Decision);
  const { policy, limit, remaining, retryAfterMs, resetAfterMs } = filled;
  const only = { policy, allowed, limit, remaining, retryAfterMs, resetAfterMs };
  return { ...filled, policies: [only] };
}
