// Writes what a decision tells a client into a response's header fields, beside what other limiters have written.

import { rangeError, typeError } from './errors.js';
import {
  draft10LimitField,
  type RetryAfterOptions,
  retryAfterSeconds,
  withoutLaterT,
} from './headers.js';
import type { Decision, Policy } from './types.js';

/** The options of the header fields. */
export interface FieldOptions extends RetryAfterOptions {
  readonly headers?: 'draft-10' | false;
}

const LONGEST_SLOT_RETRY_AFTER = 86_400;

/** @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` for a field option that cannot be used */
export function checkFieldOptions(options: FieldOptions, where: string): void {
  const { headers = false, retryAfterJitter: jitter = 0, slotRetryAfter: slot = 1 } = options;
  const code = 'ERR_SLUICE_OPTIONS';
  if (headers !== false && headers !== 'draft-10') {
    throw typeError(code, `${where}.headers`, headers, "'draft-10' or false");
  }
  if (typeof jitter !== 'number') {
    throw typeError(code, `${where}.retryAfterJitter`, jitter, 'a number');
  }
  if (!(jitter >= 0 && jitter <= 1)) {
    throw rangeError(code, `${where}.retryAfterJitter`, jitter, 'from 0 to 1');
  }
  const seconds = `a whole number of seconds from 1 to ${LONGEST_SLOT_RETRY_AFTER}`;
  if (typeof slot !== 'number') throw typeError(code, `${where}.slotRetryAfter`, slot, seconds);
  if (!Number.isInteger(slot) || slot < 1 || slot > LONGEST_SLOT_RETRY_AFTER) {
    throw rangeError(code, `${where}.slotRetryAfter`, slot, seconds);
  }
}

/** The header fields of a response, whatever the framework. */
export interface ResponseFields {
  /** The same object for all limiters of a request. */
  readonly response: object;
  get(name: string): unknown;
  set(name: string, value: string): void;
  remove(name: string): void;
}

/** What a response is to tell of a decision. */
export interface Told {
  readonly decision: Decision;
  /** The policies that decided, by name. */
  readonly policies: Readonly<Partial<Record<string, Policy>>>;
  /** Their `RateLimit-Policy` field; `undefined` where there is nothing to tell. */
  readonly policyField: string | undefined;
}

/** In seconds, the longest wait of the denials that a response tells of. */
const longestWaits = new WeakMap<object, number>();

/** A field that somebody else has set, as one line. */
function lineOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** In seconds, the wait of a `Retry-After` field, which may be a date; 0 if it is neither. */
function secondsOf(retryAfter: unknown): number {
  const line = lineOf(retryAfter) ?? '';
  if (/^\d+$/.test(line)) return Number(line);
  return Math.max(0, Math.ceil((Date.parse(line) - Date.now()) / 1000)) || 0;
}

/** Adds members to a field that is a list. */
function add(fields: ResponseFields, name: string, members: string): void {
  const others = lineOf(fields.get(name));
  fields.set(name, others === undefined || others === '' ? members : `${others}, ${members}`);
}

/** The longest wait of all denials; no field where one of them can never be admitted. */
function writeRetryAfter(fields: ResponseFields, seconds: number): void {
  const before = longestWaits.get(fields.response) ?? secondsOf(fields.get('Retry-After'));
  const longest = Math.max(before, seconds);
  longestWaits.set(fields.response, longest);
  if (longest === Number.POSITIVE_INFINITY) fields.remove('Retry-After');
  else fields.set('Retry-After', String(longest));
}

/**
 * Tells the client of a decision. Several limiters on one request each add their members to `RateLimit-Policy` and
 * `RateLimit`, in the order in which they decide, and `Retry-After` is the longest wait of all denials. A `t` that would
 * be later than `Retry-After` is left out: it is of a limiter that admitted the request.
 *
 * Precondition: the header fields have not been sent.
 */
export function writeFields(
  fields: ResponseFields,
  { decision, policies, policyField }: Told,
  options: FieldOptions,
): void {
  if (options.headers === false && decision.allowed) return;
  if (options.headers !== false && policyField !== undefined) {
    const limitField = draft10LimitField(decision, policies[decision.policy]);
    if (limitField !== undefined) {
      add(fields, 'RateLimit-Policy', policyField);
      add(fields, 'RateLimit', limitField);
    }
  }
  const seconds = retryAfterSeconds(decision, policies, options);
  if (seconds !== undefined) writeRetryAfter(fields, seconds);
  const retryAfter = fields.get('Retry-After');
  if (retryAfter === undefined) return;
  const told = lineOf(fields.get('RateLimit'));
  if (told === undefined) return;
  const kept = withoutLaterT(told, secondsOf(retryAfter));
  if (kept !== told) fields.set('RateLimit', kept);
}
