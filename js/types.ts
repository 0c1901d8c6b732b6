// The shapes that callers see: policies, decisions, options. No code.

/** Milliseconds as a number, or text such as `'250ms'`, `'10s'`, `'1m'`, `'1h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/** What is allowed: an algorithm and its numbers. Made by `tokenBucket()`, `gcra()`, `leakyBucket()`. Immutable. */
export interface Policy {
  readonly algorithm: 'tokenBucket' | 'gcra' | 'leakyBucket';
  /** The most units admitted at once. */
  readonly limit: number;
  /** How long a key that has used everything takes to equal a new one, in whole ms, rounded up. */
  readonly windowMs: number;
}

/** Units that a check takes: of every policy, or of each by name (unnamed ones take 1). Whole numbers from 0 to 2^31-1. */
export type Cost<Name extends string = string> = number | Readonly<Partial<Record<Name, number>>>;

/** What a check comes to when the store does not answer in time. */
export type OnStoreError = 'local' | 'allow' | 'deny' | 'throw';

/** How a decision came about: by the store, or by the rule for a store that failed. */
export type Source = 'store' | 'local' | 'cache' | 'allow' | 'deny';

/** What one policy said to a check. Times are whole ms >= 0, rounded up. */
export interface PolicyDecision<Name extends string = string> {
  /** The policy's name. */
  readonly policy: Name;
  /** Whether this policy admits the call; the check is admitted only if all do. */
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
  toJSON(): object;
}
