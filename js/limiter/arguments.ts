// Reads and checks the arguments of a limiter's methods.

import type { PolicyTable } from './decision.js';
import type { Engine } from './engine.js';
import {
  checkFlag,
  checkNumber,
  checkOptionNames,
  type NameCheck,
  rangeError,
  typeError,
  unknownOption,
} from './errors.js';
import type { ResolvedKey } from './keys.js';
import type { Operation } from './operation.js';
import { readCost, readId, readLimits } from './options.js';
import { ownOption, ownOptions } from './own-options.js';
import type { CheckOptions, Cost, Key, WaitOptions } from './types.js';

/** A call whose arguments are right. */
export interface ResolvedCall<E> {
  readonly key: Key;
  /** The engine of the call's plan. */
  readonly engine: E;
  readonly resolved: ResolvedKey;
  readonly operation: Operation;
}

type AnyOptions = CheckOptions & { readonly plan?: unknown };

const PEEK_OPTIONS = ['cost', 'limits'];
const CHECK_OPTIONS = [...PEEK_OPTIONS, 'id'];
/** The options of each method, besides `plan`. */
const OPTIONS = {
  check: CHECK_OPTIONS,
  peek: PEEK_OPTIONS,
  wait: [...CHECK_OPTIONS, 'maxWaitMs', 'signal', 'orThrow'],
  debit: [],
  credit: ['of'],
  reserve: ['ttlMs', 'onExpire', 'limits'],
} as const satisfies Record<string, readonly string[]>;

export type Method = keyof typeof OPTIONS;

/** The expected form of a method's options, for errors. */
const NAME_CHECKS: Readonly<Partial<Record<string, NameCheck>>> = {
  check: { expected: 'given an object of options, such as check(key, { cost: 5 })' },
  peek: { expected: 'given an object of options, such as peek(key, { cost: 5 })' },
  wait: { expected: 'given an object of options, such as wait(key, { maxWaitMs: 1000 })' },
  credit: {
    expected: 'given an object of options, such as credit(key, cost, { of: decision })',
  },
};

/** Reads the arguments of the methods of one limiter. */
export class ArgumentReader<Name extends string, E extends Engine<Name>> {
  readonly #engines: readonly E[];
  /** The only one, where there are no plans. */
  readonly #single: E | undefined;

  constructor(engines: readonly E[]) {
    this.#engines = engines;
    this.#single = engines[0]!.plan === undefined ? engines[0] : undefined;
  }

  /** @throws TypeError, RangeError `ERR_SLUICE_*` naming the argument at fault */
  read(key: unknown, options: object | undefined, method: Method): ResolvedCall<E> {
    return this.#read(key, options, OPTIONS[method], method, '');
  }

  /** Reads one of the requests of `checkMany`. @throws as `read` */
  readRequest(request: unknown, index: number): ResolvedCall<E> {
    const where = `checks[${index}]`;
    const { key, ...options } = ownOptions((request ?? {}) as AnyOptions & { key?: unknown });
    if (typeof request !== 'object') {
      const expected = "an object, such as { key: 'user:42' }";
      throw typeError('ERR_SLUICE_OPTIONS', where, request, expected);
    }
    return this.#read(key, options, CHECK_OPTIONS, where, `${where}.`);
  }

  /** Reads a debit or credit, which costs nothing under a policy that an object of costs does not name. @throws as `read` */
  readTransfer(
    key: unknown,
    cost: Cost<Name>,
    options: object | undefined,
    method: Method,
  ): ResolvedCall<E> {
    const call = this.read(key, options, method);
    if (cost === undefined) {
      throw typeError('ERR_SLUICE_COST', 'cost', cost, 'a whole number, or one for each policy');
    }
    return { ...call, operation: { units: readCost(call.engine.table, cost, 'cost', 0) } };
  }

  /** Reads a reservation's key, estimate and limits. @throws as `read` */
  readReservation(
    key: unknown,
    estimate: Cost<Name>,
    options: object | undefined,
  ): ResolvedCall<E> {
    const call = this.read(key, options, 'reserve');
    if (estimate === undefined) {
      const expected = 'a whole number, or one for each policy';
      throw typeError('ERR_SLUICE_COST', 'estimate', estimate, expected);
    }
    const units = readCost(call.engine.table, estimate, 'estimate');
    return { ...call, operation: { units, limits: call.operation.limits } };
  }

  /** The engine and key of a reservation; `undefined` if the limiter has no such plan or key. */
  find(plan: string | undefined, key: unknown): { engine: E; resolved: ResolvedKey } | undefined {
    const engine = this.#engines.find((each) => each.plan === plan);
    if (engine === undefined) return undefined;
    try {
      return { engine, resolved: engine.keys.read(key) };
    } catch {
      return undefined;
    }
  }

  #read(
    key: unknown,
    options: AnyOptions | undefined,
    known: readonly string[],
    where: string,
    path: string,
  ): ResolvedCall<E> {
    if (options !== undefined) {
      if (this.#single !== undefined && ownOption(options, 'plan') !== undefined) {
        const hint = "remove it, or give createLimiter 'plans' in place of 'policies'";
        const message = `${where} has option 'plan', but the limiter has no plans: ${hint}`;
        throw unknownOption(where, 'plan', message);
      }
      const names = this.#single === undefined ? [...known, 'plan'] : known;
      checkOptionNames(options, names, where, NAME_CHECKS[where]);
    }
    const engine = this.#single ?? this.#engineOf(ownOption(options, 'plan'), `${path}plan`);
    const resolved = engine.keys.read(key, `${path}key`);
    const operation = readOperation(engine.table, options, path);
    return { key: key as Key, engine, resolved, operation };
  }

  #engineOf(plan: unknown, name: string): E {
    const found = this.#engines.find((each) => each.plan === plan);
    if (found !== undefined) return found;
    const plans = this.#engines.map(({ plan }) => `'${plan}'`).join(', ');
    const make = plan === undefined || typeof plan === 'string' ? rangeError : typeError;
    throw make('ERR_SLUICE_PLAN', name, plan, `one of the limiter's plans: ${plans}`);
  }
}

function readOperation(
  table: PolicyTable<string>,
  options: AnyOptions | undefined,
  path: string,
): Operation {
  return {
    units: readCost(table, ownOption(options, 'cost'), `${path}cost`),
    limits: readLimits(table, ownOption(options, 'limits'), `${path}limits`),
    id: readId(ownOption(options, 'id'), `${path}id`),
  };
}

/** The options of `wait` besides those of a check, with their defaults. */
export function readWaitOptions(options: WaitOptions | undefined) {
  const own = ownOptions(options ?? {});
  const { maxWaitMs = Number.POSITIVE_INFINITY, signal, orThrow = false } = own;
  const ms = 'a number of milliseconds from 0';
  checkNumber('ERR_SLUICE_OPTIONS', 'maxWaitMs', maxWaitMs, ms, (n) => n >= 0);
  const isSignal =
    typeof signal?.throwIfAborted === 'function' && typeof signal.addEventListener === 'function';
  if (signal !== undefined && !isSignal) {
    const expected = 'an AbortSignal, such as controller.signal';
    throw typeError('ERR_SLUICE_OPTIONS', 'signal', signal, expected);
  }
  checkFlag('ERR_SLUICE_OPTIONS', 'orThrow', orThrow);
  return { maxWaitMs, signal, orThrow };
}
