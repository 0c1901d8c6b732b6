// A policy as the rest of the library uses it.

import { type NativePolicy, native } from '../native.js';
import { durationUs } from './duration.js';
import { checkFlag, rangeError, typeError } from './errors.js';
import type { AlgorithmName, Policy, PolicyOptions } from './types.js';

/** The names of PolicyOptions. */
export const POLICY_OPTIONS: readonly (keyof PolicyOptions)[] = [
  'blockFor',
  'chargeDenied',
  'enforce',
  'by',
];

/** A number of a policy: units, of which a process may take a share; a span in us; or a choice. */
export interface PolicyNumber {
  readonly kind: 'units' | 'span' | 'choice';
  readonly value: number;
  /** The option of the maker that gives it; of a choice the option with its value, or '' for the default. */
  readonly name: string;
}

export const units = (name: string, value: number): PolicyNumber => ({
  kind: 'units',
  name,
  value,
});
export const span = (name: string, us: number): PolicyNumber => ({ kind: 'span', name, value: us });
/** The choice with this index among `texts`. */
export const choice = (value: number, ...texts: readonly string[]): PolicyNumber => ({
  kind: 'choice',
  name: texts[value]!,
  value,
});

/** The numbers of an algorithm. */
export interface AlgorithmNumbers {
  readonly limit: number;
  readonly windowMs: number;
  /** In the order of FromNumbers of its class in native/core. */
  readonly own: readonly PolicyNumber[];
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
  Choice = 8,
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

function valuesOf(numbers: readonly PolicyNumber[], kind: PolicyNumber['kind']): number[] {
  return numbers.flatMap((number) => (number.kind === kind ? [number.value] : []));
}

/** The properties of a policy that only this library reads. */
interface Internals {
  /** The arguments of its maker. */
  readonly options: object;
  readonly numbers: readonly PolicyNumber[];
  /** A bucket regains so many units per `spanUs`. */
  readonly rate: number;
  /** See `rate`. For a window, a log or slots: the window or ttl. */
  readonly spanUs: number;
  readonly native: NativePolicy;
  /** The largest limit for a single call. */
  readonly largestLimit: number;
}

class LimitPolicy<Part extends string> implements Policy<Part> {
  readonly algorithm: AlgorithmName;
  readonly limit: number;
  readonly windowMs: number;
  readonly enforce: boolean;
  readonly by: readonly Part[] | undefined;
  readonly #internals: Internals;

  constructor(
    algorithm: AlgorithmName,
    numbers: AlgorithmNumbers,
    options: PolicyOptions<Part>,
    refuse: (fault: PolicyFault) => Error,
  ) {
    const { limit, windowMs, own } = numbers;
    const { blockFor, chargeDenied = false, enforce = true, by } = options;
    checkFlag('ERR_SLUICE_POLICY', `${algorithm}.enforce`, enforce);
    checkFlag('ERR_SLUICE_POLICY', `${algorithm}.chargeDenied`, chargeDenied);
    this.algorithm = algorithm;
    this.limit = limit;
    this.windowMs = windowMs;
    this.enforce = enforce;
    this.by = readBy(by, `${algorithm}.by`);
    const blockForUs = blockFor === undefined ? 0 : readBlockUs(blockFor, `${algorithm}.blockFor`);
    const values = own.map(({ value }) => value);
    const crossing: NativePolicy = ['', algorithm, values, blockForUs, chargeDenied, enforce];
    const fault = native.policyFault(crossing);
    if (fault !== PolicyFault.None) throw refuse(fault);
    this.#internals = {
      options: { ...options },
      numbers: own,
      rate: valuesOf(own, 'units')[1] ?? 0,
      spanUs: valuesOf(own, 'span')[0]!,
      native: crossing,
      largestLimit: native.largestLimit(crossing),
    };
    Object.freeze(this);
  }

  static internalsOf(policy: Policy): Internals {
    return (policy as LimitPolicy<string>).#internals;
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

/**
 * The time of a full refill, in whole ms, rounded up. It follows the given numbers: the core rounds the time of one unit
 * up to whole nanoseconds, and so 7 units every minute would take 61 s.
 */
export function refillMs(limit: number, rate: number, spanUs: number): number {
  return Math.ceil(Math.max(1, Math.round((limit * spanUs) / rate)) / 1e3);
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

export const internalsOf: (policy: Policy) => Internals = LimitPolicy.internalsOf;

/** The policy as native code reads it, with a `share` of its units: rounded down, at least 1; 0 stays 0. */
export function toNative(name: string, policy: Policy, share = 1): NativePolicy {
  const { native, numbers } = internalsOf(policy);
  const [, algorithm, , ...options] = native;
  const part = ({ kind, value }: PolicyNumber) =>
    kind !== 'units' || value === 0 ? value : Math.max(1, Math.floor(value * share));
  return [name, algorithm, numbers.map(part), ...options];
}

/** The numbers on which the meaning of a state depends: spans and choices, at least two. */
export function stateNumbersOf(policy: Policy): readonly number[] {
  const { numbers } = internalsOf(policy);
  const [first, second = 0, ...others] = [
    ...valuesOf(numbers, 'span'),
    ...valuesOf(numbers, 'choice'),
  ];
  return [first!, second, ...others];
}

/** Whether the store can promise a waiting call its turn, and so keeps the line. */
export function keepsLine({ algorithm }: Policy): boolean {
  return algorithm === 'tokenBucket' || algorithm === 'gcra' || algorithm === 'leakyBucket';
}

/**
 * A text that differs if two policies would read a shared state differently, with the makers' names and times in ms.
 * Other processes compare it (`<prefix>:policy:<name>`): another format would make them warn.
 */
export function describePolicy(policy: Policy): string {
  const { native, numbers } = internalsOf(policy);
  const [, , , blockForUs, chargeDenied] = native;
  const { algorithm, by } = policy;
  const parts = numbers
    .filter(({ name }) => name !== '')
    .map(({ kind, name, value }) => {
      if (kind === 'choice') return name;
      return `${name}: ${kind === 'span' ? value / 1e3 : value}`;
    });
  if (blockForUs !== 0) parts.push(`blockFor: ${blockForUs / 1e3}`);
  if (chargeDenied) parts.push('chargeDenied: true');
  if (by !== undefined) parts.push(`by: ${by.join('+')}`);
  return `${algorithm}(${parts.join(', ')})`;
}
