// The shapes that callers see: policies, decisions, options. No code.

import type { LimiterStats } from './stats.js';

/** Milliseconds as a number, or text such as `'250ms'`, `'10s'`, `'1m'`, `'1h'`, `'1d'`. */
export type Duration = number | `${bigint}${Unit}` | `${bigint}.${number}${Unit}`;

// Not `${number}`, which takes '1 s' for a number and a unit.
type Unit = 'ms' | 's' | 'm' | 'h' | 'd';

/** The algorithms, by the functions that make their policies. */
export type AlgorithmName =
  | 'tokenBucket'
  | 'gcra'
  | 'leakyBucket'
  | 'fixedWindow'
  | 'slidingWindow'
  | 'slidingLog'
  | 'concurrency';

/**
 * What is allowed: an algorithm and its numbers. Made by `tokenBucket()` and its like. Immutable. `Part` are the
 * parts of a key that it counts by (`by`); `never` where keys are strings.
 */
export interface Policy<Part extends string = string> {
  readonly algorithm: AlgorithmName;
  /** The most units admitted at once; of `concurrency`, the most calls at a time. */
  readonly limit: number;
  /**
   * In whole ms, rounded up: the window; of a bucket, the time of a full refill; of `concurrency`, how long a slot
   * is held that nobody releases.
   */
  readonly windowMs: number;
  /** False for a shadow, which judges and reports but never denies. */
  readonly enforce: boolean;
  /** The parts of a key that it counts by; `undefined` where keys are strings. */
  readonly by: readonly Part[] | undefined;
}

/** What every policy may say besides its numbers. */
export interface PolicyOptions<Part extends string = never> {
  /** The first denial by this policy blocks the key for so long: up to 100 days. Not prolonged by calls meanwhile. */
  blockFor?: Duration;
  /** True: a denied check charges this policy too, whichever policy denied it. A caller that keeps asking a bucket, a sliding window or a log stays denied. */
  chargeDenied?: boolean;
  /** False: a shadow. It counts, and reports what it would deny (`sluice:would-deny`), but never denies. */
  enforce?: boolean;
  /**
   * What it counts by: a part of the key, or several; `[]`: all callers together. Keys are then objects,
   * `check({ tenant: 't1', user: 'u1' })`, and all policies of the limiter need a `by`. Where none of them names a
   * part, any string will do.
   */
  by?: Part | readonly Part[];
}

/** Who is limited: a string; or, where policies say `by`, an object of the parts that they name. */
export type Key = string | Readonly<Record<string, string>>;

/** Units that a check takes: of every policy, or of each by name (unnamed ones take 1). Whole numbers from 0 to 2^31-1. */
export type Cost<Name extends string = string> = number | Readonly<Partial<Record<Name, number>>>;

/** Another limit (or capacity) for one call, by policy: whole numbers from 0, which denies. Window, rate and state stay. */
export type Limits<Name extends string = string> = Readonly<Partial<Record<Name, number>>>;

/** What a check comes to when the store does not answer in time. */
export type OnStoreError = 'local' | 'allow' | 'deny' | 'throw';

/** How a decision came about: by the store, by a denial of the store's a moment ago ('cache'), or by the rule for a store that failed. */
export type Source = 'store' | 'local' | 'cache' | 'allow' | 'deny';

/** What one policy said to a check. Times are whole ms >= 0, rounded up. */
export interface PolicyDecision<Name extends string = string> {
  /** The policy's name. */
  readonly policy: Name;
  /** Whether this policy admits the call. The check is admitted if all that enforce do. */
  readonly allowed: boolean;
  /** The most units admitted at once. */
  readonly limit: number;
  /** The largest cost that would be admitted now, after this call. `NaN` when unknown. */
  readonly remaining: number;
  /** 0 when allowed; else the wait after which the same call would be admitted if nothing else came; `Infinity` for a cost that can never be. */
  readonly retryAfterMs: number;
  /** The wait after which, with no calls, the key equals a new one. */
  readonly resetAfterMs: number;
}

/** The answer to a check: that of the policy that binds, and of each policy. A denial is a value, never thrown. */
export interface Decision<Name extends string = string> extends PolicyDecision<Name> {
  /** How long to hold an admitted call back, in ms: the longest that a shaping policy asks for; else 0. */
  readonly delayMs: number;
  readonly source: Source;
  /** One per policy, in the order declared. */
  readonly policies: readonly PolicyDecision<Name>[];
  /** The slots that an admitted call holds: where the limiter has a `concurrency` policy, and the call a cost. */
  readonly holder?: Holder;
  toJSON(): object;
}

/** A decision that admits the call. */
export type Admission<Name extends string = string> = Decision<Name> & { readonly allowed: true };

/** The slots of one admitted call under `concurrency` policies. Each frees itself once its policy's `ttl` has passed. */
export interface Holder {
  /** Unguessable: 32 hexadecimal digits. */
  readonly id: string;
  /** Gives the slots back. Resolves to whether all of them were still held; repeating is harmless. */
  release(): Promise<boolean>;
  /** Holds the slots for another `ttl` from now on. Resolves to whether all of them were still held. */
  renew(): Promise<boolean>;
}

/**
 * Why Redis did not decide. 'timeout': no answer before the deadline; 'overload': it would not have answered in time;
 * 'unavailable': no connection, it was lost, or the breaker is open; 'refused': the server took the connection and
 * turned us away; 'server': it answered with an error; 'foreign': a key holds what is not ours; 'protocol': it does not
 * speak as Redis does; 'closed': the connection was closed in this process.
 */
export type RedisFault =
  | 'timeout'
  | 'overload'
  | 'unavailable'
  | 'refused'
  | 'server'
  | 'foreign'
  | 'protocol'
  | 'closed';

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
