// Errors with a code, the argument at fault, and the valid values.

import { inspect, types } from 'node:util';
import type { Decision, RedisFault } from './types.js';

const LONGEST_MESSAGE = 2000;
const LONGEST_ARGUMENT = 200;
/** Characters that end a log line, move the cursor, or change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text of a caller or a server, safe for an error, a warning or an event: on one line, with its control characters
 * escaped, and with at most `most` characters.
 */
export function printable(text: string, most = LONGEST_MESSAGE): string {
  const short = text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text;
  return short.replace(UNPRINTABLE, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/**
 * A failure outside of the caller's arguments: of a store, or of the native addon.
 *
 * @example
 * import { createLimiter, redis, SluiceError, tokenBucket } from 'sluice';
 *
 * const limiter = createLimiter({
 *   policies: tokenBucket({ capacity: 20, every: '1s' }),
 *   store: redis('redis://localhost:6379'),
 *   onStoreError: 'throw',
 * });
 * try {
 *   await limiter.check('user:42');
 * } catch (error) {
 *   if (!(error instanceof SluiceError)) throw error;
 *   console.error(error.code, error.fault); // ERR_SLUICE_STORE_UNAVAILABLE timeout
 * }
 * await limiter.close();
 */
export class SluiceError extends Error {
  /** `ERR_SLUICE_*`; stable, for comparisons. */
  readonly code: string;
  /** With `ERR_SLUICE_STORE_UNAVAILABLE`: the `fault` of `sluice:fault`. */
  declare readonly fault?: RedisFault;
  /** With `ERR_SLUICE_DENIED`: the denial. */
  declare readonly decision?: Decision;

  constructor(
    code: string,
    message: string,
    options?: { cause?: unknown; fault?: RedisFault; decision?: Decision },
  ) {
    super(printable(String(message)), options);
    this.name = 'SluiceError';
    this.code = code;
    if (options?.fault !== undefined) this.fault = options.fault;
    if (options?.decision !== undefined) this.decision = options.decision;
  }
}

export function closedError(): SluiceError {
  return new SluiceError('ERR_SLUICE_CLOSED', 'the limiter is closed');
}

/** The error that `wait` rejects with under `orThrow`. */
export function deniedError(decision: Decision): SluiceError {
  const { policy, retryAfterMs } = decision;
  const when =
    retryAfterMs === Number.POSITIVE_INFINITY
      ? 'the call can never be admitted'
      : `it can be admitted in ${retryAfterMs} ms`;
  return new SluiceError('ERR_SLUICE_DENIED', `denied by policy '${policy}': ${when}`, {
    decision,
  });
}

/** A `TypeError` or `RangeError` with a code, the argument's name and the wrong value. */
export interface ArgumentError extends Error {
  /** `ERR_SLUICE_*`; stable, for comparisons. */
  readonly code: string;
  /** The wrong argument or option, as a path: `policies.burst.capacity`. */
  readonly argument: string;
  /** The wrong value; `undefined` if it might be, or hold, a password. */
  readonly value: unknown;
}

function show(value: unknown): string {
  if (typeof value === 'string' && value.length > 80) {
    return `${inspect(value.slice(0, 80))}... (${value.length} characters)`;
  }
  const text = print(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

const LONGEST_REASON = 200;

/** The text of an error that code of the application threw, or of any other thrown value. */
export function reasonOf(thrown: unknown): string {
  try {
    // Not instanceof: an error may come from another realm, such as a test runner's outer one.
    const message = (thrown as Error | undefined)?.message;
    const text = typeof message === 'string' ? message : inspect(thrown, { depth: 0 });
    return (text || String(thrown)).slice(0, LONGEST_REASON);
  } catch {
    return 'something that cannot be shown';
  }
}

function print(value: unknown): string {
  const breakLength = Number.POSITIVE_INFINITY;
  try {
    // Runs no code of the value: an error from it would replace ours.
    return inspect(value, { depth: 0, compact: true, breakLength, customInspect: false });
  } catch {
    return `something of type ${typeof value}`;
  }
}

/** Replaces a value that might be, or hold, a password in an error. */
class Withheld {
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  /** The text instead of a withheld value. Not `instanceof`, which throws for a revoked proxy. */
  static textOf(value: unknown): string | undefined {
    return typeof value === 'object' && value !== null && #what in value ? value.#what : undefined;
  }
}

/** The kind of a value, in words. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  // Array.isArray throws for a revoked proxy.
  const kind = !types.isProxy(value) && Array.isArray(value) ? 'array' : typeof value;
  return `${/^[ao]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** Give it to the makers of errors instead of the value. `what` completes "got ...". */
export function withheld(value: unknown, what = kindOf(value)): unknown {
  return new Withheld(what);
}

/** Types of values without text. */
const TEXTLESS = ['number', 'bigint', 'boolean', 'undefined', 'symbol', 'function'];
const EMPTY = ['{}', '[]', '[Object: null prototype] {}'];

/**
 * Whether an object may hold a password: text under any name, other objects, or the private state of a class, such as
 * a client. A list of primitives does not. Runs no code of the object.
 */
function mayHoldSecret(value: object): boolean {
  if (types.isProxy(value)) return !EMPTY.includes(print(value)); // print() shows the target
  if (types.isBoxedPrimitive(value)) return false;
  // A client may be a function with properties, and a class may have static ones.
  if (typeof value === 'function') return Object.keys(value).length > 0;
  if (![Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(value)))
    return true;
  const harmless = Array.isArray(value) ? ['string', ...TEXTLESS] : TEXTLESS;
  return Reflect.ownKeys(value).some((name) => {
    const own = Object.getOwnPropertyDescriptor(value, name)!;
    return 'value' in own && own.value !== null && !harmless.includes(typeof own.value);
  });
}

function isKept(value: unknown): boolean {
  const isObject = typeof value === 'function' || (typeof value === 'object' && value !== null);
  return !isObject || !mayHoldSecret(value);
}

/** An argument error with its own message. */
export function argumentError<E extends Error>(
  ErrorClass: new (message: string) => E,
  code: string,
  argument: string,
  message: string,
  value?: unknown,
): E & ArgumentError {
  return Object.assign(new ErrorClass(printable(message)), {
    code,
    argument: printable(argument, LONGEST_ARGUMENT),
    value: isKept(value) ? value : undefined,
  });
}

function fail<E extends Error>(
  ErrorClass: new (message: string) => E,
  code: string,
  argument: string,
  value: unknown,
  expected: string,
): E & ArgumentError {
  const what = Withheld.textOf(value) ?? (isKept(value) ? show(value) : kindOf(value));
  const where = printable(argument, LONGEST_ARGUMENT);
  const message = `${where} must be ${expected}; got ${what}`;
  return argumentError(ErrorClass, code, argument, message, value);
}

/** `argument` is of the wrong type. `expected` completes the sentence "must be ...". */
export function typeError(
  code: string,
  argument: string,
  value: unknown,
  expected: string,
): TypeError & ArgumentError {
  return fail(TypeError, code, argument, value, expected);
}

/** `argument` is of the right type, but its value cannot be used. `expected` completes "must be ...". */
export function rangeError(
  code: string,
  argument: string,
  value: unknown,
  expected: string,
): RangeError & ArgumentError {
  return fail(RangeError, code, argument, value, expected);
}

/** Checks a number; `expected` completes "must be ...". @throws TypeError for another type, RangeError if it does not fit */
export function checkNumber(
  code: string,
  argument: string,
  value: unknown,
  expected: string,
  fits: (value: number) => boolean,
): void {
  if (typeof value !== 'number') throw typeError(code, argument, value, expected);
  if (!fits(value)) throw rangeError(code, argument, value, expected);
}

/** Reads a whole number. `end`: how to write `most`. @throws as `checkNumber` */
export function wholeNumber(
  code: string,
  argument: string,
  value: unknown,
  least: number,
  most: number,
  end: string | number = most,
): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value === 0 ? 0 : (value as number); // not -0
  }
  const make = typeof value === 'number' ? rangeError : typeError;
  throw make(code, argument, value, `a whole number from ${least} to ${end}`);
}

/** @throws TypeError unless `value` is true or false */
export function checkFlag(
  code: string,
  argument: string,
  value: unknown,
): asserts value is boolean {
  if (typeof value !== 'boolean') throw typeError(code, argument, value, 'true or false');
}

/** The error of a check whose id was charged for another cost, other limits or another plan. */
export function idReusedError(id: string): RangeError & ArgumentError {
  const expected = 'new for this key, or come with the cost, limits and plan it was charged for';
  return rangeError('ERR_SLUICE_ID_REUSED', 'id', id, expected);
}

/** The number of letters to change, add, drop or swap with their neighbour to get from one word to the other. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2][j - 2] + 1);
      }
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

const LONGEST_NAME = 64;

/** The known name that the caller probably meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // Callers may pass on option names of their own callers, and a comparison takes time by their length.
  if (word.length > LONGEST_NAME) return undefined;
  const begun = word.length > 2 && known.find((name) => name.startsWith(word));
  if (begun) return begun;
  const ranked = known
    .map((name) => ({ name, off: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.off - b.off);
  const best = ranked[0];
  return best && best.off <= Math.max(2, Math.ceil(best.name.length / 3)) ? best.name : undefined;
}

export interface NameCheck {
  /** Hides the value, which may be a password under a wrong name. */
  readonly secret?: boolean;
  /** The kind of the names. */
  readonly kind?: 'option' | 'policy' | 'part';
  /** Completes "must be ..." for a value that is not an object. */
  readonly expected?: string;
  /** The known name for `name` in other libraries. */
  readonly meant?: (name: string) => string | undefined;
}

const PLURALS = { option: 'options', policy: 'policies', part: 'parts' };

/**
 * Throws unless `given` is a plain object all of whose names are among `known`; suggests the nearest right one.
 *
 * @throws TypeError `ERR_SLUICE_OPTIONS` or `ERR_SLUICE_UNKNOWN_OPTION`
 */
export function checkOptionNames(
  given: unknown,
  known: readonly string[],
  where: string,
  {
    secret = false,
    kind = 'option',
    expected = 'given an object of options',
    meant,
  }: NameCheck = {},
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const shown = secret ? withheld(given) : given;
    throw typeError('ERR_SLUICE_OPTIONS', where, shown, expected);
  }
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const guess = meant?.(name) ?? nearest(name, known);
    const all = known.length === 0 ? 'none' : [...known].sort().join(', ');
    const hint = guess ? `Did you mean '${guess}'?` : `Known ${PLURALS[kind]}: ${all}.`;
    const shown = printable(name, 80);
    const value = (given as Record<string, unknown>)[name];
    const wrong =
      kind === 'option'
        ? `${where} has no option '${shown}'`
        : `${where}: unknown ${kind} '${shown}'`;
    throw unknownOption(where, name, `${wrong}. ${hint}`, secret ? undefined : value);
  }
}

/** There is no option `name`. */
export function unknownOption(
  where: string,
  name: string,
  message: string,
  value?: unknown,
): TypeError & ArgumentError {
  const code = 'ERR_SLUICE_UNKNOWN_OPTION';
  // Text under a wrong name may be a password.
  const kept = typeof value === 'string' ? undefined : value;
  return argumentError(TypeError, code, `${where}.${name}`, message, kept);
}

/**
 * Refuses an object as the second argument of a function that takes one: its options would be ignored. A number is
 * allowed: `map()` passes the index to its callback. `right`: the correct call.
 */
export function refuseSecond(second: unknown, where: string, right: string): void {
  if (typeof second !== 'object' || second === null) return;
  const expected = `given one argument, such as ${right}`;
  throw typeError('ERR_SLUICE_OPTIONS', where, withheld(second, 'a second one'), expected);
}
