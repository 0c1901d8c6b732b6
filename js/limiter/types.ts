// The public types: policies, decisions, options. No code.

import type { LimiterStats } from './stats.js';

/** Milliseconds as a number, or text such as `'250ms'`, `'10s'`, `'1m'`, `'1h'`, `'1d'`. */
export type Duration = number | `${bigint}${Unit}` | `${bigint}.${number}${Unit}`;

// Not `${number}`, which would accept '1 s'.
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
 * An algorithm and its numbers. Made by `tokenBucket()` and the other makers. Immutable. `Part` are the parts of a
 * key that it counts by (`by`); `never` where keys are strings.
 */
export interface Policy<Part extends string = string> {
  /** The name of its maker. */
  readonly algorithm: AlgorithmName;
  /** The most units admitted at once; for `concurrency`, the most calls at a time. */
  readonly limit: number;
  /**
   * In whole ms, rounded up: the window; for a bucket, the time of a full refill; for `concurrency`, the ttl of a
   * slot.
   */
  readonly windowMs: number;
  /** False for a shadow, which decides and reports but never denies. */
  readonly enforce: boolean;
  /** The parts of a key that it counts by; `undefined` where keys are strings. */
  readonly by: readonly Part[] | undefined;
}

/** The options of every policy besides its numbers. */
export interface PolicyOptions<Part extends string = never> {
  /** The first denial by this policy blocks the key for this time: up to 100 days. Calls meanwhile do not extend it. */
  blockFor?: Duration;
  /** True: a denied check charges this policy too, whichever policy denied it. A caller that keeps asking a bucket, a sliding window or a log stays denied. */
  chargeDenied?: boolean;
  /** False makes a shadow. It counts, and reports the calls that it would deny (`sluice:would-deny`), but never denies. */
  enforce?: boolean;
  /**
   * The part of the key that it counts by, or several; `[]`: all callers together. Keys are then objects,
   * `check({ tenant: 't1', user: 'u1' })`, and all policies of the limiter need a `by`. If none of them names a
   * part, any string is a valid key.
   */
  by?: Part | readonly Part[];
}

/** The caller to limit: a string; where policies have `by`, an object of the parts that they name. */
export type Key = string | Readonly<Record<string, string>>;

/** Units of a check: for every policy, or for each by name (others take 1). Whole numbers from 0 to 2^31-1. */
export type Cost<Name extends string = string> = number | Readonly<Partial<Record<Name, number>>>;

/** Another limit (or capacity) for one call, by policy: whole numbers from 0, which denies. Window, rate and state stay. */
export type Limits<Name extends string = string> = Readonly<Partial<Record<Name, number>>>;

/** The rule for a check that the store does not answer in time. */
export type OnStoreError = 'local' | 'allow' | 'deny' | 'throw';

/** The source of a decision: the store, a recent denial of the store ('cache'), or the rule for a failed store. */
export type Source = 'store' | 'local' | 'cache' | 'allow' | 'deny';

/** The decision of one policy. Times are whole ms >= 0, rounded up. */
export interface PolicyDecision<Name extends string = string> {
  /** The policy's name. */
  readonly policy: Name;
  /** Whether this policy admits the call. The check is admitted if all enforcing policies do. */
  readonly allowed: boolean;
  /** The most units admitted at once. */
  readonly limit: number;
  /** The largest cost that would be admitted now, after this call. `NaN` when unknown. */
  readonly remaining: number;
  /** 0 when allowed; else the wait after which the same call is admitted if nothing else comes. `Infinity` if the cost can never be admitted. */
  readonly retryAfterMs: number;
  /** The wait after which, with no calls, the key equals a new one. */
  readonly resetAfterMs: number;
}

/** The answer to a check: that of the binding policy, and of each policy. A denial is a value, never thrown. */
export interface Decision<Name extends string = string> extends PolicyDecision<Name> {
  /** The delay of an admitted call, in ms: the longest of all shaping policies; else 0. */
  readonly delayMs: number;
  /** The store, or the part of this process that decided in its place. */
  readonly source: Source;
  /** One per policy, in the order declared. */
  readonly policies: readonly PolicyDecision<Name>[];
  /** The slots of an admitted call, if the limiter has a `concurrency` policy and the call has a cost. */
  readonly holder?: Holder;
  /** Returns the fields above, with the holder's id alone. For `JSON.stringify`. */
  toJSON(): object;
}

/** A decision that admits the call. */
export type Admission<Name extends string = string> = Decision<Name> & { readonly allowed: true };

/** The slots of one admitted call under `concurrency` policies. Each frees itself once its policy's `ttl` has passed. */
export interface Holder {
  /** Unguessable: 32 hexadecimal digits. */
  readonly id: string;
  /**
   * Gives the slots back. Resolves to whether all of them were still held; repeating is harmless.
   *
   * @example
   * const { holder } = await limiter.check('tenant:7');
   * await holder?.release();
   */
  release(): Promise<boolean>;
  /**
   * Holds the slots for another `ttl` from now on. Resolves to whether all of them were still held.
   *
   * @example
   * const { holder } = await limiter.check('tenant:7');
   * if (!(await holder?.renew())) throw new Error('the slot was lost: stop the work');
   */
  renew(): Promise<boolean>;
}

/**
 * The reason why Redis did not decide. 'timeout': no answer before the deadline; 'overload': it would not have
 * answered in time; 'unavailable': there is no connection, it was lost, or the breaker is open; 'refused': the server
 * refused the login; 'server': it answered with an error; 'foreign': a key holds a foreign value; 'protocol': it does
 * not speak Redis' protocol; 'closed': this process closed the connection.
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

/**
 * `T`, from which the compiler infers no type parameter: TypeScript's `NoInfer`, which versions before 5.4 lack. There
 * an unknown name is `any`, and every key would compile.
 */
export type Uninferred<T> = [T][T extends unknown ? 0 : never];

/** One policy, or several by name. */
export type Policies = Policy | Readonly<Record<string, Policy>>;
/** Sets of policies by the names of plans. */
export type Plans = Readonly<Record<string, Policies>>;

/** The names of policies in decisions. */
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

/** The options of a limiter besides policies or plans and a store. */
export interface CommonOptions {
  /** Limiters of one store, prefix and policy name share state. Default 'sluice'. */
  prefix?: string;
  /**
   * The rule for checks that Redis does not answer within `deadlineMs`: 'local' (default) decides in this process by the
   * same policies, 'allow' admits, 'deny' denies, 'throw' rejects with `ERR_SLUICE_STORE_UNAVAILABLE`. A memory store
   * does not fail.
   */
  onStoreError?: OnStoreError;
  /**
   * Under 'local': the share of each limit and rate that this process admits by itself, above 0 and up to 1 (the
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

/** The options of a peek. */
export interface PeekOptions<Name extends string = string> {
  /** Default 1. */
  cost?: Cost<Name>;
  /** Another limit for this call; window, rate and state stay. */
  limits?: Limits<Name>;
}

/** The options of a check. */
export interface CheckOptions<Name extends string = string> extends PeekOptions<Name> {
  /**
   * Charges once: for 60 s after a charged check, a check with the same id and key repeats that admission and costs
   * nothing. 1 to 128 characters. Redis also gets a check with an id again if its answer is lost. Another cost, other
   * limits or another plan under it: `ERR_SLUICE_ID_REUSED`. Never take the id from a caller, such as a header: a
   * caller who names the id of another call is not limited.
   */
  id?: string;
}

/** The options of a call that waits. */
export interface WaitOptions<Name extends string = string> extends CheckOptions<Name> {
  /** The longest wait, in ms; default: no limit. A call that cannot be admitted in time is denied at once. */
  maxWaitMs?: number;
  /** Aborts the wait: the call rejects with the signal's reason, and its charge is refunded once no call waits behind it. */
  signal?: AbortSignal;
  /** True: a denial rejects with `ERR_SLUICE_DENIED`; `error.decision` is the denial. Default false. */
  orThrow?: boolean;
}

/** The options of a credit. */
export interface CreditOptions<Name extends string = string> {
  /** The decision that charged it, under this key. Without one, at most as much as the key has used. */
  of?: Decision<Name>;
}

declare global {
  // The same declaration as in newer libraries and in @types/node: for TypeScript before 5.2.
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}

/** The options of `reserve`. */
export interface ReserveOptions<Name extends string = string> {
  /** The time after which the reservation expires, in ms: above 0, up to 100 days. Default 60,000. */
  ttlMs?: number;
  /**
   * The charge of a reservation that expires: 'estimate' (default; the usage so far, if that is more), 'checkpoint' (the
   * usage so far) or 'refund' (nothing).
   */
  onExpire?: 'estimate' | 'checkpoint' | 'refund';
  /** Another limit for this call; window, rate and state stay. */
  limits?: Limits<Name>;
}

/** Why a reservation is not open. */
export type ReservationClosed = 'unknown' | 'expired' | 'settled';

/** The end of a reservation. */
export interface Settlement<Name extends string = string> {
  /** Whether this call ended it. */
  readonly ok: boolean;
  /** The units that each policy charged in all, by name. Empty for an unknown reservation; slots count 0. */
  readonly charged: Readonly<Partial<Record<Name, number>>>;
  /** Why not: 'settled' (or cancelled) before, 'expired', or 'unknown': never made, of another limiter, or ended more than 60 s ago. */
  readonly reason?: ReservationClosed;
}

/** An open reservation, in any process. Made by `limiter.reservation(id)`. */
export interface ReservationHandle<Name extends string = string> {
  /** For `limiter.reservation(id)` in any process. Unguessable; it holds the key as readable text. */
  readonly id: string;
  /**
   * Notes the usage so far, as a stream runs; a smaller one than before changes nothing. Resolves to whether to stop: the
   * estimate of a policy is spent, or the reservation is no longer open. Calls within 50 ms travel as one.
   */
  checkpoint(used: Cost<Name>): Promise<boolean>;
  /**
   * Asks for a new total estimate: `allowed` says whether it is admitted. If not, the former one stands.
   *
   * @throws SluiceError `ERR_SLUICE_RESERVATION_CLOSED` if the reservation is not open
   */
  extend(estimate: Cost<Name>): Promise<Decision<Name>>;
  /** Sets its expiry to `ttlMs` from now. Resolves to whether it was open. */
  renew(ttlMs: number): Promise<boolean>;
  /**
   * Charges the real usage in place of the estimate: gives back the rest, or charges what is more, into debt if
   * necessary. Policies that an object does not name keep their estimate. The first end counts; repeating is harmless.
   */
  settle(usage?: Cost<Name>): Promise<Settlement<Name>>;
  /** Ends it with the usage noted by `checkpoint`, and gives back the rest. */
  cancel(): Promise<Settlement<Name>>;
  /** Returns its id for another process, and leaves its end to that: `await using` does not cancel it any more. */
  detach(): string;
  /** Cancels it, unless it was settled, cancelled or detached. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The answer to `reserve`: a decision and, if admitted, an open reservation. */
export interface Reservation<Name extends string = string>
  extends Omit<Decision<Name>, 'holder'>,
    ReservationHandle<Name> {
  /** Empty for a denied reservation. */
  readonly id: string;
}

/** The options of `ready`. */
export interface ReadyOptions {
  /** The longest wait, in ms: 1 to 86,400,000 (a day). Default 10,000. */
  timeoutMs?: number;
}

/** Options that also name a plan, where the limiter has plans. */
export type WithPlan<Options, Plan extends string> = [Plan] extends [never]
  ? Options
  : Options & { plan: Plan };
/** May be left out only without plans. */
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
  /** The policies' names in the declared order; with plans, all names. */
  readonly policyNames: readonly Name[];
  /** Each policy by its name; if plans share a name, the first. */
  readonly policies: Readonly<Record<Name, Policy>>;
  /** Each plan's policies; empty without plans. */
  readonly plans: Readonly<Record<Plan, Readonly<Partial<Record<Name, Policy>>>>>;
  /** Only for the compiler: a limiter with plans is not assignable to one without, because each of its calls needs a plan. */
  readonly [PLAN]?: Plan;
  /** The kind of its store. */
  readonly store: 'memory' | 'redis';
  /**
   * Decides whether KEY may take COST under these policies now, and charges it if so. A denial is a value, never thrown.
   *
   * @throws TypeError, RangeError `ERR_SLUICE_*` for a wrong key or option
   * @throws SluiceError `ERR_SLUICE_STORE_UNAVAILABLE` under `onStoreError: 'throw'`; `ERR_SLUICE_CLOSED` after `close`
   * @example
   * const { allowed, retryAfterMs } = await limiter.check('user:42');
   * await limiter.check('user:42', { cost: 3 }); // 3 units of every policy
   * await limiter.check('user:42', { cost: { burst: 1, daily: 3 } });
   * await limiter.check('user:42', { limits: { daily: 7500 } }); // another limit for this call
   */
  check(key: K, ...options: OptionsOf<CheckOptions<Name>, Plan>): Promise<Decision<Name>>;
  /**
   * Makes independent checks, decided in order, in one round trip.
   *
   * @example
   * const decisions = await limiter.checkMany([{ key: 'user:42' }, { key: 'user:43', cost: 3 }]);
   * decisions.map(({ allowed }) => allowed);
   */
  checkMany(checks: readonly CheckRequest<Name, K, Plan>[]): Promise<Decision<Name>[]>;
  /**
   * As `check`, but waits for its turn: resolves to an admission once `delayMs` has passed, or at once to a denial if
   * it cannot be admitted within `maxWaitMs`. First in, first out: under buckets and GCRA across all processes; else
   * among the calls of this limiter. A denial rejects, so an admission needs no look.
   *
   * @throws SluiceError `ERR_SLUICE_DENIED`, whose `decision` is the denial
   * @example
   * await limiter.wait('payments-api', { maxWaitMs: 2000, orThrow: true });
   */
  wait(
    key: K,
    options: WithPlan<WaitOptions<Name> & { orThrow: true }, Plan>,
  ): Promise<Admission<Name>>;
  /**
   * As `check`, but waits for its turn: resolves to an admission once `delayMs` has passed, or at once to a denial if
   * it cannot be admitted within `maxWaitMs`. First in, first out: under buckets and GCRA across all processes; else
   * among the calls of this limiter. Check `allowed` before you go on, or set `orThrow: true`.
   *
   * @example
   * const signal = AbortSignal.timeout(5000);
   * const { allowed } = await limiter.wait('payments-api', { maxWaitMs: 2000, signal });
   * if (!allowed) console.log('busy');
   */
  wait(key: K, ...options: OptionsOf<WaitOptions<Name>, Plan>): Promise<Decision<Name>>;
  /**
   * Charges nothing. `allowed`, `retryAfterMs` and `delayMs` are the answer of `check` with that cost; `remaining` and
   * `resetAfterMs` show the current state: a fresh bucket of 20 has 20.
   *
   * @example
   * const { remaining, resetAfterMs } = await limiter.peek('user:42');
   */
  peek(key: K, ...options: OptionsOf<PeekOptions<Name>, Plan>): Promise<Decision<Name>>;
  /**
   * Charges usage that has already happened: always, into debt if necessary. Policies that an object does not name are
   * not charged.
   *
   * @example
   * await limiter.debit('user:42', { daily: 250 }); // known only after the call
   */
  debit(key: K, cost: Cost<Name>, ...options: OptionsOf<object, Plan>): Promise<void>;
  /**
   * Gives units back. With `of`, no more than that decision charged and has not drained or left its window since:
   * giving back never creates quota. Policies that an object does not name get nothing back.
   *
   * @example
   * const decision = await limiter.check('user:42', { cost: 5 });
   * await limiter.credit('user:42', 3, { of: decision }); // only 2 were used
   */
  credit(key: K, cost: Cost<Name>, ...options: OptionsOf<CreditOptions<Name>, Plan>): Promise<void>;
  /**
   * Charges an estimate, and holds it until the real usage is known: no caller overspends by starting many calls at once.
   * Settle it with the real usage; `concurrency` policies hold a slot as long as it is open.
   *
   * @param estimate units, as a check's cost
   * @throws TypeError, RangeError `ERR_SLUICE_*` for a wrong argument
   * @example
   * const reservation = await limiter.reserve('user:42', { daily: 1800 }, { ttlMs: 120_000 });
   * if (reservation.allowed) await reservation.settle({ daily: 1234 });
   */
  reserve(
    key: K,
    estimate: Cost<Name>,
    ...options: OptionsOf<ReserveOptions<Name>, Plan>
  ): Promise<Reservation<Name>>;
  /**
   * The reservation of this id, for use in any process. Nothing is asked of the store yet.
   *
   * @throws TypeError `ERR_SLUICE_RESERVATION` for a value that is no id
   * @example
   * const { id } = await limiter.reserve('user:42', { daily: 1800 });
   * await limiter.reservation(id).settle({ daily: 1234 });
   */
  reservation(id: string): ReservationHandle<Name>;
  /**
   * Denies all calls of the key with a cost for this time, up to 100 days, and replaces any other block. A key of parts:
   * under the policies that count by exactly these parts.
   *
   * @example
   * await limiter.block('user:42', '1h');
   */
  block(key: Partial<Extract<K, object>> | Extract<K, string>, duration: Duration): Promise<void>;
  /**
   * Ends a block, its own or that of a policy's `blockFor`.
   *
   * @example
   * await limiter.unblock('user:42');
   */
  unblock(key: Partial<Extract<K, object>> | Extract<K, string>): Promise<void>;
  /**
   * Forgets the key: it equals a new one. Rejects if Redis cannot be reached.
   *
   * @example
   * await limiter.reset('user:42');
   */
  reset(key: K): Promise<void>;
  /**
   * Resolves once the store answers: for start-up and for readiness probes. Over Redis it asks until it gets an answer to
   * a question that writes nothing, whatever `onStoreError` says; on a cluster, from one of the nodes. A memory store
   * always answers. A process waits for the result, so for at most `timeoutMs`, as for that of a check; nothing stays
   * behind.
   *
   * @throws TypeError, RangeError `ERR_SLUICE_*` for a wrong option
   * @throws SluiceError `ERR_SLUICE_STORE_UNAVAILABLE` after `timeoutMs`, with the last `fault`; `ERR_SLUICE_CLOSED`
   *   when the limiter is closed
   * @example
   * await limiter.ready({ timeoutMs: 5000 });
   * app.listen(3000);
   */
  ready(options?: ReadyOptions): Promise<void>;
  /**
   * Returns counts; over Redis, latencies and the state of each server too. Cheap enough to call every second.
   *
   * @example
   * const { allowed, denied, memory, redis } = limiter.stats();
   * console.log({ allowed, denied, keys: memory?.keys, p99Ms: redis?.p99Ms });
   */
  stats(): LimiterStats;
  /**
   * Waits for checks in flight and releases the store. Later calls fail with `ERR_SLUICE_CLOSED`, and so do waiting
   * calls without a turn; the others get theirs.
   *
   * @example
   * process.once('SIGTERM', () => limiter.close());
   */
  close(): Promise<void>;
}

/** The parameter of a call without a plan. No value fits, so that the compiler's message names the plans. */
export interface MissingPlan<Plan extends string> {
  readonly plan: Plan;
  readonly [PLAN]: never;
}

/** The calls of a limiter with plans that lack one. They do not compile. */
export interface PlanNeeded<Plan extends string> {
  /** Needs a plan: `check(key, { plan })`. */
  check(key: MissingPlan<Plan>): never;
  /** Needs a plan: `wait(key, { plan })`. */
  wait(key: MissingPlan<Plan>): never;
  /** Needs a plan: `peek(key, { plan })`. */
  peek(key: MissingPlan<Plan>): never;
  /** Needs a plan: `debit(key, cost, { plan })`. */
  debit(key: MissingPlan<Plan>, cost: unknown): never;
  /** Needs a plan: `credit(key, cost, { plan })`. */
  credit(key: MissingPlan<Plan>, cost: unknown): never;
  /** Needs a plan: `reserve(key, estimate, { plan })`. */
  reserve(key: MissingPlan<Plan>, estimate: unknown): never;
}

/** The same of a limiter that can answer at once. */
export interface SyncPlanNeeded<Plan extends string> extends PlanNeeded<Plan> {
  /** Needs a plan: `checkSync(key, { plan })`. */
  checkSync(key: MissingPlan<Plan>): never;
}

/** A limiter whose store is in this process, so that it can answer at once. */
export interface SyncLimiter<
  Name extends string = string,
  K extends Key = string,
  Plan extends string = never,
> extends Limiter<Name, K, Plan> {
  /**
   * As `check`, without a promise.
   *
   * @example
   * if (!limiter.checkSync('user:42').allowed) throw new Error('too many calls');
   */
  checkSync(key: K, ...options: OptionsOf<CheckOptions<Name>, Plan>): Decision<Name>;
}

/** Any limiter, with any keys and plans, for code that passes it on. */
export interface AnyLimiter<Name extends string = string> {
  /** The policies' names in the declared order; with plans, all names. */
  readonly policyNames: readonly Name[];
  /** Each policy by its name; if plans share a name, the first. */
  readonly policies: Readonly<Record<Name, Policy>>;
  /** Each plan's policies; empty without plans. */
  readonly plans: Readonly<Record<string, Readonly<Partial<Record<Name, Policy>>>>>;
  /** The kind of its store. */
  readonly store: 'memory' | 'redis';
  /** See `Limiter.check`. Its caller must know the keys and plans. */
  check(key: never, ...options: never[]): Promise<Decision<Name>>;
  /** See `Limiter.ready`. */
  ready(options?: ReadyOptions): Promise<void>;
  /** See `Limiter.close`. */
  close(): Promise<void>;
}
