// What a limiter is to its users.

import type { MemoryStore } from './memory-store.js';
import type { RedisStats } from './redis-stats.js';
import type { RedisStore } from './redis-store.js';
import type {
  Admission,
  Cost,
  Decision,
  Duration,
  Key,
  Limits,
  OnStoreError,
  Policy,
} from './types.js';

/** One policy, or several by name. */
export type Policies = Policy | Readonly<Record<string, Policy>>;
/** Sets of policies by the names of plans. */
export type Plans = Readonly<Record<string, Policies>>;

/** The names under which decisions speak of policies. */
export type NamesOf<P extends Policies> = P extends Policy ? 'default' : keyof P & string;
type PartsOf<P extends Policies> =
  P extends Policy<infer Part> ? Part : P[keyof P] extends Policy<infer Part> ? Part : never;
/** The key that policies count by: a string, or the parts that they name in `by`. */
export type KeyOf<P extends Policies, Shard extends string = never> = [PartsOf<P> | Shard] extends [
  never,
]
  ? string
  : string extends PartsOf<P>
    ? Key
    : Readonly<Record<PartsOf<P> | Shard, string>>;

/** What all limiters are made with, besides policies or plans and a store. */
export interface CommonOptions {
  /** Limiters of one store, prefix and policy name share state. Default 'sluice'. */
  prefix?: string;
  /**
   * What checks come to when Redis does not answer within `deadlineMs`: 'local' (default) decides in this
   * process by the same policies, 'allow' and 'deny' do that, 'throw' rejects with
   * `ERR_SLUICE_STORE_UNAVAILABLE`. A memory store does not fail.
   */
  onStoreError?: OnStoreError;
  /**
   * Under 'local': the part of each limit and rate that this process allows by itself, above 0 and up to 1 (the
   * default), such as 1 / the number of processes. Rounded down, but at least 1.
   */
  localShare?: number;
  /** How long a check waits for Redis, in ms: 1 to 60,000, default 100. */
  deadlineMs?: number;
  /**
   * Whether this process caches denials. For up to a second after one, and never longer than its `retryAfterMs`, it
   * answers repeat calls itself (`decision.source` is then 'cache'). Default true; `false`: every check asks Redis. A
   * memory store needs no cache.
   */
  denialCache?: boolean;
  /**
   * The part of the key that puts all of a check's states on one slot of a Redis cluster, and so keeps a check over
   * several keys atomic there. For policies with `by`.
   */
  shardBy?: string;
}

/** What a limiter is made of. */
export interface LimiterOptions<
  Name extends string = string,
  Store extends MemoryStore | RedisStore = MemoryStore | RedisStore,
> extends CommonOptions {
  /** One policy, then named 'default'; or up to 16 by name: a check is admitted only if all admit it. */
  policies?: Policy | Readonly<Record<Name, Policy>>;
  /** Instead of `policies`: sets of them, one of which each check names. A policy of one name, algorithm and window shares its state between plans. */
  plans?: Readonly<Record<string, Policy | Readonly<Record<Name, Policy>>>>;
  /** Default: a `memory()` of its own. */
  store?: Store;
}

/** What a peek may say besides its key. */
export interface PeekOptions<Name extends string = string> {
  /** Default 1. */
  cost?: Cost<Name>;
  /** Another limit for this call; window, rate and state stay. */
  limits?: Limits<Name>;
}

/** What a check may say besides its key. */
export interface CheckOptions<Name extends string = string> extends PeekOptions<Name> {
  /**
   * Charges once: a check with the id of one that was charged in the last 60 s, for this key, is the same admission,
   * and costs nothing. 1 to 128 characters. With it a check is also sent to Redis again when its answer is lost.
   * Another cost, other limits or another plan under it: `ERR_SLUICE_ID_REUSED`. Never take it from a caller, from a
   * header say: whoever names the id of another call is not limited.
   */
  id?: string;
}

/** What a call that waits may say. */
export interface WaitOptions<Name extends string = string> extends CheckOptions<Name> {
  /** The longest wait, in ms; default: as long as it takes. A call that cannot be admitted in time is denied at once. */
  maxWaitMs?: number;
  /** Aborts the wait: the call rejects with the signal's reason, and its charge is refunded once no call waits behind it. */
  signal?: AbortSignal;
  /** True: a denial rejects with `ERR_SLUICE_DENIED`; `error.decision` is the denial. Default false. */
  orThrow?: boolean;
}

/** What is given back. */
export interface CreditOptions<Name extends string = string> {
  /** The decision that charged it, under this key. Without one, as much as the key has used, and no more. */
  of?: Decision<Name>;
}

/** Options that also name a plan, where the limiter has plans. */
export type WithPlan<Options, Plan extends string> = [Plan] extends [never]
  ? Options
  : Options & { plan: Plan };
/** They may be left out only where there are no plans. */
export type OptionsOf<Options, Plan extends string> = [Plan] extends [never]
  ? [options?: Options]
  : [options: Options & { plan: Plan }];

/** One of the checks of `checkMany`. */
export type CheckRequest<
  Name extends string = string,
  K extends Key = string,
  Plan extends string = never,
> = WithPlan<CheckOptions<Name> & { key: K }, Plan>;

/** Counts since the limiter was made; for Redis also what its connection, shared with others, has done. */
export interface LimiterStats {
  readonly store: 'memory' | 'redis';
  /** Checks admitted, and denied. Peeks do not count. */
  readonly allowed: number;
  /** See `allowed`. */
  readonly denied: number;
  /** Memory: entries held, slots of the table, entries given up for new keys before they had expired. */
  readonly memory?: { readonly keys: number; readonly capacity: number; readonly evicted: number };
  /** Redis: the connection; absent once closed. */
  readonly redis?: RedisStats | undefined;
}

declare const PLAN: unique symbol;

/** Policies over a store. Made by `createLimiter()`. */
export interface Limiter<
  Name extends string = string,
  K extends Key = string,
  Plan extends string = never,
> {
  /** The policies' names in the order declared; of plans, all that occur. */
  readonly policyNames: readonly Name[];
  /** Each policy by its name; where plans share a name, that of the first. */
  readonly policies: Readonly<Record<Name, Policy>>;
  /** Each plan's policies; empty without plans. */
  readonly plans: Readonly<Record<Plan, Readonly<Partial<Record<Name, Policy>>>>>;
  /** For the compiler alone: a limiter with plans is not assignable to one without, as each of its calls needs a plan. */
  readonly [PLAN]?: Plan;
  readonly store: 'memory' | 'redis';
  /** May KEY take COST under these policies, now? Charges it if so. A denial is a value, never thrown. */
  check(key: K, ...options: OptionsOf<CheckOptions<Name>, Plan>): Promise<Decision<Name>>;
  /** Independent checks, decided in order, in one round trip. */
  checkMany(checks: readonly CheckRequest<Name, K, Plan>[]): Promise<Decision<Name>[]>;
  /**
   * As `check`, but waits for its turn: resolves to an admission once `delayMs` has passed, or at once to a denial if
   * it cannot be admitted within `maxWaitMs`. First in, first out: under buckets and GCRA across all processes; else
   * among the calls of this limiter. Check `allowed` before you go on, or set `orThrow: true`.
   */
  wait(
    key: K,
    options: WithPlan<WaitOptions<Name> & { orThrow: true }, Plan>,
  ): Promise<Admission<Name>>;
  wait(key: K, ...options: OptionsOf<WaitOptions<Name>, Plan>): Promise<Decision<Name>>;
  /**
   * Charges nothing. `allowed`, `retryAfterMs` and `delayMs` are what `check` with that cost would answer; `remaining`
   * and `resetAfterMs` say how the key stands: a fresh bucket of 20 has 20.
   */
  peek(key: K, ...options: OptionsOf<PeekOptions<Name>, Plan>): Promise<Decision<Name>>;
  /** Charges what was used already, whatever there is room for: into debt if need be. Policies that an object does not name are not charged. */
  debit(key: K, cost: Cost<Name>, ...options: OptionsOf<object, Plan>): Promise<void>;
  /**
   * Gives units back. With `of`, no more than that decision charged and has not drained or left its window since:
   * giving back never creates quota. Policies that an object does not name get nothing back.
   */
  credit(key: K, cost: Cost<Name>, ...options: OptionsOf<CreditOptions<Name>, Plan>): Promise<void>;
  /** Denies the key whatever costs anything for so long, up to 100 days, instead of any block there is. A key of parts: under the policies that count by exactly these. */
  block(key: Partial<Extract<K, object>> | Extract<K, string>, duration: Duration): Promise<void>;
  /** Ends a block, its own or that of a policy's `blockFor`. */
  unblock(key: Partial<Extract<K, object>> | Extract<K, string>): Promise<void>;
  /** Forgets the key: it equals a new one. Rejects if Redis cannot be reached. */
  reset(key: K): Promise<void>;
  /** Counts; over Redis, latencies and the state of each server too. Cheap enough to be asked every second. */
  stats(): LimiterStats;
  /**
   * Waits for checks under way and lets go of the store. Later calls fail with `ERR_SLUICE_CLOSED`, and so do waiting
   * ones whose turn is not known yet; the others get it.
   */
  close(): Promise<void>;
}

/** A limiter whose store is in this process, and so can answer at once. */
export interface SyncLimiter<
  Name extends string = string,
  K extends Key = string,
  Plan extends string = never,
> extends Limiter<Name, K, Plan> {
  /** As `check`, without a promise. */
  checkSync(key: K, ...options: OptionsOf<CheckOptions<Name>, Plan>): Decision<Name>;
}

/** Any limiter, whatever its keys and plans, for code that passes it on. */
export interface AnyLimiter<Name extends string = string> {
  readonly policyNames: readonly Name[];
  readonly policies: Readonly<Record<Name, Policy>>;
  readonly plans: Readonly<Record<string, Readonly<Partial<Record<Name, Policy>>>>>;
  readonly store: 'memory' | 'redis';
  check(key: never, ...options: never[]): Promise<Decision<Name>>;
  close(): Promise<void>;
}

/** What `createLimiter` makes over a store. */
export type LimiterOver<
  Store extends MemoryStore | RedisStore,
  Name extends string,
  K extends Key,
  Plan extends string,
> = Store extends RedisStore ? Limiter<Name, K, Plan> : SyncLimiter<Name, K, Plan>;
