// createLimiter: policies, a store, and what happens when the store fails.

import { type Clock, readClockUs } from './clock.js';
import { type PolicyTable, readDecision } from './decision.js';
import { durationUs } from './duration.js';
import { checkOptionNames, rangeError, SluiceError, typeError } from './errors.js';
import { Kind, type NativeMemoryLimiter, native } from './native.js';
import { checkKey, readCost, readPolicies } from './options.js';
import { toNative } from './policies.js';
import { RedisLink } from './redis-link.js';
import { MemoryStore, memory, RedisStore } from './stores.js';
import type { Cost, Decision, OnStoreError, Policy } from './types.js';

/** What a limiter is made of. */
export interface LimiterOptions<
  Name extends string = string,
  Store extends MemoryStore | RedisStore = MemoryStore | RedisStore,
> {
  /** One policy, then named 'default'; or up to 16 by name: a check is admitted only if all admit it. */
  policies: Policy | Readonly<Record<Name, Policy>>;
  /** Default: a `memory()` of its own. */
  store?: Store;
  /** Limiters of one store, prefix and policy name share state. Default 'sluice'. */
  prefix?: string;
  /**
   * What checks come to when Redis does not answer within `deadlineMs`: 'local' (default) decides in this
   * process by the same policies, 'allow' and 'deny' do that, 'throw' rejects with
   * `ERR_SLUICE_STORE_UNAVAILABLE`. A memory store does not fail.
   */
  onStoreError?: OnStoreError;
  /** How long a check waits for Redis, in ms: 1 to 60,000, default 100. */
  deadlineMs?: number;
  /** A cache of denials is not part of this version; `false` says so explicitly. */
  denialCache?: false;
}

/** What a check may say besides its key. */
export interface CheckOptions<Name extends string = string> {
  /** Default 1. */
  cost?: Cost<Name>;
}

/** One of the checks of `checkMany`. */
export interface CheckRequest<Name extends string = string> extends CheckOptions<Name> {
  key: string;
}

/** Counts since the limiter was made; for Redis also what its connection, shared with others, has done. */
export interface LimiterStats {
  readonly store: 'memory' | 'redis';
  /** Checks admitted, and denied. Peeks do not count. */
  readonly allowed: number;
  readonly denied: number;
  /** Memory: entries held, slots of the table, entries given up for new keys before they had expired. */
  readonly memory?: { readonly keys: number; readonly capacity: number; readonly evicted: number };
  /** Redis: the connection; absent once closed. */
  readonly redis?: ReturnType<RedisLink<string>['stats']>;
}

/** Policies over a store. Made by `createLimiter()`. */
export interface Limiter<Name extends string = string> {
  /** The policies' names in the order declared. */
  readonly policyNames: readonly Name[];
  /** Each policy by its name. */
  readonly policies: Readonly<Record<Name, Policy>>;
  readonly store: 'memory' | 'redis';
  /** May KEY take COST under these policies, now? Charges it if so. A denial is a value, never thrown. */
  check(key: string, options?: CheckOptions<Name>): Promise<Decision<Name>>;
  /** Independent checks, decided in order, in one round trip. */
  checkMany(checks: readonly CheckRequest<Name>[]): Promise<Decision<Name>[]>;
  /** What `check` would answer. Charges nothing. */
  peek(key: string, options?: CheckOptions<Name>): Promise<Decision<Name>>;
  /** Forgets the key: it equals a new one. Rejects if Redis cannot be reached. */
  reset(key: string): Promise<void>;
  stats(): LimiterStats;
  /** Waits for checks under way and lets go of the store. Later calls fail with `ERR_SLUICE_CLOSED`. */
  close(): Promise<void>;
}

/** A limiter whose store is in this process, and so can answer at once. */
export interface SyncLimiter<Name extends string = string> extends Limiter<Name> {
  /** As `check`, without a promise. */
  checkSync(key: string, options?: CheckOptions<Name>): Decision<Name>;
}

/** One policy, or several by name. */
export type Policies = Policy | Readonly<Record<string, Policy>>;
/** The names under which decisions speak of them. */
export type NamesOf<P extends Policies> = P extends Policy ? 'default' : keyof P & string;
/** What `createLimiter` makes over a store. */
export type LimiterOver<
  Store extends MemoryStore | RedisStore,
  Name extends string,
> = Store extends RedisStore ? Limiter<Name> : SyncLimiter<Name>;

/** The monotonic clock, as native code is told of it. */
const MONOTONIC = -1;
const CHECK_OPTIONS = ['cost'];
const CHECK_MANY_OPTIONS = ['key', 'cost'];

function closed(): SluiceError {
  return new SluiceError('ERR_SLUICE_CLOSED', 'the limiter is closed');
}

/** What both kinds of limiter have. */
abstract class BaseLimiter<Name extends string> {
  abstract readonly store: 'memory' | 'redis';
  protected allowed = 0;
  protected denied = 0;

  constructor(protected readonly table: PolicyTable<Name>) {}

  get policyNames(): readonly Name[] {
    return this.table.names;
  }

  get policies(): Readonly<Record<Name, Policy>> {
    const { names, policies } = this.table;
    return Object.fromEntries(names.map((name, i) => [name, policies[i]])) as Record<Name, Policy>;
  }

  protected readOptions(options: CheckOptions<Name> | undefined): number {
    if (options === undefined) return 1;
    checkOptionNames(options, CHECK_OPTIONS, 'check');
    return readCost(this.table, options.cost);
  }

  /** All are looked at before any is charged. */
  protected readRequests(checks: readonly CheckRequest<Name>[]): void {
    if (!Array.isArray(checks)) {
      throw typeError('ERR_SLUICE_OPTIONS', 'checks', checks, 'an array of { key, cost }');
    }
    for (const [i, check] of checks.entries()) {
      checkOptionNames(check, CHECK_MANY_OPTIONS, `checks[${i}]`);
      checkKey(check.key, `checks[${i}].key`);
      readCost(this.table, check.cost, `checks[${i}].cost`);
    }
  }

  protected count(decision: Decision<Name>): Decision<Name> {
    if (decision.allowed) this.allowed++;
    else this.denied++;
    return decision;
  }
}

class MemoryLimiter<Name extends string> extends BaseLimiter<Name> implements SyncLimiter<Name> {
  readonly store = 'memory';
  readonly #store: MemoryStore;
  readonly #clock: Clock | undefined;
  #native: NativeMemoryLimiter | undefined;

  constructor(table: PolicyTable<Name>, store: MemoryStore, prefix: string) {
    super(table);
    this.#store = store;
    this.#clock = store.clock;
    const policies = table.names.map((name, i) => toNative(name, table.policies[i]!));
    this.#native = native.makeMemoryLimiter(store.native, policies, prefix);
  }

  checkSync(key: string, options?: CheckOptions<Name>): Decision<Name> {
    checkKey(key);
    if (options === undefined && this.#clock === undefined && this.#native !== undefined) {
      // The common call, without the arguments that say nothing: each costs as much as the decision.
      return this.count(readDecision(this.table, this.#native.check(key), 0));
    }
    const now = this.#now();
    const cost = this.readOptions(options);
    if (this.#native === undefined) throw closed();
    const code = this.#native.check(key, cost, now);
    return this.count(readDecision(this.table, code, 0));
  }

  async check(key: string, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    return this.checkSync(key, options);
  }

  async checkMany(checks: readonly CheckRequest<Name>[]): Promise<Decision<Name>[]> {
    this.readRequests(checks);
    return checks.map(({ key, cost }) =>
      this.checkSync(key, cost === undefined ? undefined : { cost }),
    );
  }

  async peek(key: string, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    checkKey(key);
    const now = this.#now();
    const cost = this.readOptions(options);
    if (this.#native === undefined) throw closed();
    return readDecision(this.table, this.#native.peek(key, cost, now), 0);
  }

  async reset(key: string): Promise<void> {
    checkKey(key);
    if (this.#native === undefined) throw closed();
    this.#native.reset(key);
  }

  stats(): LimiterStats {
    const [keys, capacity, evicted] = native.memoryStoreStats(this.#store.native);
    const { store, allowed, denied } = this;
    return { store, allowed, denied, memory: { keys, capacity, evicted } };
  }

  async close(): Promise<void> {
    this.#native = undefined;
  }

  /** May run the caller's code, which may ask limiters: to be read before costs go into the exchange. */
  #now(): number {
    return this.#clock === undefined ? MONOTONIC : readClockUs(this.#clock);
  }
}

class RedisLimiter<Name extends string> extends BaseLimiter<Name> implements Limiter<Name> {
  readonly store = 'redis';
  readonly #link: RedisLink<Name>;
  #closing: Promise<void> | undefined;

  constructor(table: PolicyTable<Name>, link: RedisLink<Name>) {
    super(table);
    this.#link = link;
  }

  checkSync(): never {
    throw new SluiceError(
      'ERR_SLUICE_ASYNC_STORE',
      'checkSync needs a memory store: Redis answers later; use check',
    );
  }

  async check(key: string, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    return this.count(await this.#ask(Kind.Check, key, this.#open(key, options)));
  }

  async checkMany(checks: readonly CheckRequest<Name>[]): Promise<Decision<Name>[]> {
    this.readRequests(checks);
    return Promise.all(
      checks.map(({ key, cost }) => this.check(key, cost === undefined ? undefined : { cost })),
    );
  }

  async peek(key: string, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    return this.#ask(Kind.Peek, key, this.#open(key, options));
  }

  async reset(key: string): Promise<void> {
    await this.#link.ask(Kind.Reset, key, this.#open(key, undefined));
  }

  stats(): LimiterStats {
    const { store, allowed, denied } = this;
    return { store, allowed, denied, redis: this.#link.stats() };
  }

  async close(): Promise<void> {
    this.#closing ??= this.#link.close();
    await this.#closing;
  }

  #open(key: string, options: CheckOptions<Name> | undefined): number {
    checkKey(key);
    if (this.#closing !== undefined) throw closed();
    return this.readOptions(options);
  }

  #ask(kind: Kind, key: string, cost: number): Promise<Decision<Name>> {
    return this.#link.ask(kind, key, cost) as Promise<Decision<Name>>;
  }
}

/** The names of a limiter's options. As an object, so that one forgotten here does not compile. */
export const LIMITER_OPTIONS: Readonly<Record<keyof LimiterOptions, true>> = {
  policies: true,
  store: true,
  prefix: true,
  onStoreError: true,
  deadlineMs: true,
  denialCache: true,
};
const RULES: readonly OnStoreError[] = ['local', 'allow', 'deny', 'throw'];
/** Keys remembered while Redis does not answer. */
const LOCAL_KEYS = 1_000_000;

/**
 * Makes a limiter.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_*` naming the option at fault and its value
 */
export function createLimiter<
  const P extends Policies,
  S extends MemoryStore | RedisStore = MemoryStore,
>(
  options: Omit<LimiterOptions, 'policies' | 'store'> & { policies: P; store?: S },
): LimiterOver<S, NamesOf<P>>;
/** For code that is generic itself. */
export function createLimiter<Name extends string>(options: LimiterOptions<Name>): Limiter<Name>;
export function createLimiter(options: LimiterOptions): Limiter {
  checkOptionNames(options, Object.keys(LIMITER_OPTIONS), 'createLimiter');
  const table = readPolicies(options.policies);
  const { prefix = 'sluice', onStoreError = 'local', deadlineMs = 100, denialCache } = options;
  if (typeof prefix !== 'string' || prefix === '' || prefix.length > 128) {
    throw typeError('ERR_SLUICE_OPTIONS', 'prefix', prefix, 'a string of 1 to 128 characters');
  }
  if (!RULES.includes(onStoreError)) {
    throw rangeError(
      'ERR_SLUICE_OPTIONS',
      'onStoreError',
      onStoreError,
      "'local', 'allow', 'deny' or 'throw'",
    );
  }
  if (typeof deadlineMs !== 'number') {
    throw typeError('ERR_SLUICE_OPTIONS', 'deadlineMs', deadlineMs, 'a number of milliseconds');
  }
  if (!(deadlineMs >= 1 && deadlineMs <= 60_000)) {
    throw rangeError(
      'ERR_SLUICE_OPTIONS',
      'deadlineMs',
      deadlineMs,
      'from 1 to 60000 milliseconds',
    );
  }
  if (denialCache !== undefined && denialCache !== false) {
    throw rangeError(
      'ERR_SLUICE_OPTIONS',
      'denialCache',
      denialCache,
      'false: this version has no denial cache',
    );
  }
  const store = options.store === undefined ? memory() : options.store;
  if (store instanceof MemoryStore) return new MemoryLimiter(table, store, prefix);
  if (!(store instanceof RedisStore)) {
    throw typeError('ERR_SLUICE_OPTIONS', 'store', store, 'memory() or redis(...)');
  }
  const limiter = native.makeRedisLimiter({
    endpoint: store.endpoint(),
    policies: table.names.map((name, i) => toNative(name, table.policies[i]!)),
    prefix,
    onStoreError: RULES.indexOf(onStoreError),
    deadlineUs: durationUs(deadlineMs, 'deadlineMs'),
    maxKeys: LOCAL_KEYS,
  });
  return new RedisLimiter(table, new RedisLink(limiter, table, store.address));
}
