// A policy as the rest of the library uses it.

import { type NativePolicy, native } from '../native.js';
import { durationUs } from './duration.js';
import { rangeError, typeError } from './errors.js';
import type { AlgorithmName, Policy, PolicyOptions } from './types.js';

/** The names of PolicyOptions. */
export const POLICY_OPTIONS: readonly (keyof PolicyOptions)[] = [
  'blockFor',
  'chargeDenied',
  'enforce',
  'by',
];

/** The numbers of an algorithm, in the form for native code. */
export interface AlgorithmNumbers {
  readonly limit: number;
  /** Units per `spanUs`; 0 for algorithms without a rate. */
  readonly rate: number;
  /** The time of `rate` units, or the window, or the ttl. */
  readonly spanUs: number;
  /** See ReadPolicy in native/addon/values.h. */
  readonly mode: number;
  readonly windowMs: number;
}

/** As PolicyFault in core/policy_fault.h. */
export const enum PolicyFault {
  None = 0,
  Capacity = 1,
  Rate = 2,
  Every = 3,
  RateRounding = 4,
  RefillTooLong = 5,
  LogLimit = 6,
  Window = 7,
}

const PART_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const LONGEST_BLOCK_US = 100 * 86_400e6;

function readBy<Part extends string>(
  by: Part | readonly Part[] | undefined,
  name: string,
): readonly Part[] | undefined {
  if (by === undefined) return undefined;
  const parts: readonly unknown[] = Array.isArray(by) ? by : [by];
  const expected = 'the name of a part of the key, or an array of distinct names';
  for (const part of parts) {
    if (typeof part !== 'string') throw typeError('ERR_SLUICE_POLICY', name, by, expected);
    if (!PART_NAME.test(part)) {
      const letters = 'named with 1 to 64 letters, digits or _, a letter or _ first';
      throw rangeError('ERR_SLUICE_POLICY', name, part, letters);
    }
  }
  if (new Set(parts).size !== parts.length) {
    throw rangeError('ERR_SLUICE_POLICY', name, by, expected);
  }
  return Object.freeze([...parts] as Part[]);
}

function readFlag(value: unknown, otherwise: boolean, name: string): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') {
    throw typeError('ERR_SLUICE_POLICY', name, value, 'true or false');
  }
  return value;
}

class LimitPolicy<Part extends string> implements Policy<Part> {
  readonly algorithm: AlgorithmName;
  readonly limit: number;
  readonly windowMs: number;
  readonly enforce: boolean;
  readonly by: readonly Part[] | undefined;
  readonly #options: PolicyOptions<Part>;
  readonly #native: NativePolicy;
  readonly #largestLimit: number;

  constructor(
    algorithm: AlgorithmName,
    numbers: AlgorithmNumbers,
    options: PolicyOptions<Part>,
    refuse: (fault: PolicyFault) => Error,
  ) {
    const { limit, rate, spanUs, mode, windowMs } = numbers;
    const { blockFor, chargeDenied, enforce, by } = options;
    this.algorithm = algorithm;
    this.#options = { ...options };
    this.limit = limit;
    this.windowMs = windowMs;
    this.enforce = readFlag(enforce, true, `${algorithm}.enforce`);
    this.by = readBy(by, `${algorithm}.by`);
    const blockForUs = blockFor === undefined ? 0 : readBlockUs(blockFor, `${algorithm}.blockFor`);
    const charges = readFlag(chargeDenied, false, `${algorithm}.chargeDenied`);
    this.#native = ['', algorithm, limit, rate, spanUs, mode, blockForUs, charges, this.enforce];
    const fault = native.policyFault(this.#native);
    if (fault !== PolicyFault.None) throw refuse(fault);
    this.#largestLimit = native.largestLimit(this.#native);
    Object.freeze(this);
  }

  static nativeOf(policy: LimitPolicy<string>): NativePolicy {
    return policy.#native;
  }

  static optionsOf(policy: LimitPolicy<string>): object {
    return policy.#options;
  }

  static largestLimitOf(policy: LimitPolicy<string>): number {
    return policy.#largestLimit;
  }
}

/** The duration of a block. */
export function readBlockUs(span: Parameters<typeof durationUs>[0], name: string): number {
  const us = durationUs(span, name, 1, '100 days');
  if (us > LONGEST_BLOCK_US) {
    throw rangeError('ERR_SLUICE_DURATION', name, span, 'at most 100 days');
  }
  return us;
}

/** Makes a policy. `refuse` throws for numbers that the core refuses. */
export function makePolicy<Part extends string>(
  algorithm: AlgorithmName,
  numbers: AlgorithmNumbers,
  options: PolicyOptions<Part>,
  refuse: (fault: PolicyFault) => Error,
): Policy<Part> {
  return new LimitPolicy(algorithm, numbers, options, refuse);
}

/** Whether `tokenBucket()` or another maker made the value. */
export function isPolicy(value: unknown): value is Policy {
  return value instanceof LimitPolicy;
}

/** The arguments of its maker. */
export function optionsOf(policy: Policy): object {
  return LimitPolicy.optionsOf(policy as LimitPolicy<string>);
}

/** The policy in the form for native code. */
export function toNative(name: string, policy: Policy): NativePolicy {
  const [, ...rest] = LimitPolicy.nativeOf(policy as LimitPolicy<string>);
  return [name, ...rest];
}

/** A bucket regains `rate` units per `spanUs`. For a window, a log or slots, `rate` is 0 and `spanUs` is the window or ttl. */
export function rateOf(policy: Policy): { readonly rate: number; readonly spanUs: number } {
  const [, , , rate, spanUs] = LimitPolicy.nativeOf(policy as LimitPolicy<string>);
  return { rate, spanUs };
}

/** The policy with this share of its limit and rate: rounded down, at least 1; 0 stays 0. */
export function shareOf(policy: NativePolicy, share: number): NativePolicy {
  const [name, algorithm, limit, rate, ...rest] = policy;
  const part = (number: number) => (number === 0 ? 0 : Math.max(1, Math.floor(number * share)));
  return [name, algorithm, part(limit), part(rate), ...rest];
}

/** Whether the store can promise a waiting call its turn, and so keeps the line. */
export function keepsLine({ algorithm }: Policy): boolean {
  return algorithm === 'tokenBucket' || algorithm === 'gcra' || algorithm === 'leakyBucket';
}

/** The largest limit of the policy for a single call. */
export function largestLimitOf(policy: Policy): number {
  return LimitPolicy.largestLimitOf(policy as LimitPolicy<string>);
}

/** The makers' names for the most at once, the rate and the span. */
const NUMBER_NAMES: Readonly<Record<AlgorithmName, readonly [string, string, string]>> = {
  tokenBucket: ['capacity', 'refill', 'every'],
  gcra: ['burst', 'limit', 'every'],
  leakyBucket: ['capacity', 'leak', 'every'],
  fixedWindow: ['limit', '', 'window'],
  slidingWindow: ['limit', '', 'window'],
  slidingLog: ['limit', '', 'window'],
  concurrency: ['limit', '', 'ttl'],
};
/** The makers' names for `mode` where it is not 0. */
const MODES: Partial<Record<AlgorithmName, readonly string[]>> = {
  leakyBucket: ['', "mode: 'shape'"],
  fixedWindow: ['', "align: 'clock'", "align: 'clock', months"],
};

/**
 * A text that differs if two policies would read a shared state differently, with the makers' names and times in ms.
 * Other processes compare it (`<prefix>:policy:<name>`): another format would make them warn.
 */
export function describePolicy(policy: Policy): string {
  const [, , limit, rate, spanUs, mode, blockForUs, chargeDenied] = toNative('', policy);
  const { algorithm, by } = policy;
  const [most, units, span] = NUMBER_NAMES[algorithm];
  const said = [`${most}: ${limit}`];
  if (rate !== 0) said.push(`${units}: ${rate}`);
  said.push(`${span}: ${spanUs / 1e3}`);
  if (mode !== 0) said.push(MODES[algorithm]![mode]!);
  if (blockForUs !== 0) said.push(`blockFor: ${blockForUs / 1e3}`);
  if (chargeDenied) said.push('chargeDenied: true');
  if (by !== undefined) said.push(`by: ${by.join('+')}`);
  return `${algorithm}(${said.join(', ')})`;
}
