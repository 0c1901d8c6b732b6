// The shapes that callers see: policies, decisions, options. No code.

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
  /** True: a denied check charges this policy too, whoever denied it. Who keeps asking a bucket, a sliding window or a log stays denied. */
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
