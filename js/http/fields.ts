// Writes the header fields of a decision into a response, beside those of other limiters.

import type { ServerResponse } from 'node:http';
import { checkNumber, typeError, wholeNumber } from '../limiter/errors.js';
import type { Decision, Policy } from '../limiter/types.js';
import {
  draft10LimitField,
  type RetryAfterOptions,
  retryAfterSeconds,
  withoutLaterT,
} from './headers.js';

/** The options of the header fields. */
export interface FieldOptions extends RetryAfterOptions {
  /** The format of the headers that tell a client its limits; `false`: none, only the `Retry-After` of a denial. Default 'draft-10'. */
  headers?: 'draft-10' | false;
}

const LONGEST_SLOT_RETRY_AFTER = 86_400;

/** @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` for a field option that cannot be used */
export function checkFieldOptions(options: FieldOptions, where: string): void {
  const { headers = false, retryAfterJitter: jitter = 0, slotRetryAfter: slot = 1 } = options;
  const code = 'ERR_SLUICE_OPTIONS';
  if (headers !== false && headers !== 'draft-10') {
    throw typeError(code, `${where}.headers`, headers, "'draft-10' or false");
  }
  const share = 'a number from 0 to 1';
  checkNumber(code, `${where}.retryAfterJitter`, jitter, share, (n) => n >= 0 && n <= 1);
  const seconds = `${LONGEST_SLOT_RETRY_AFTER} (seconds)`;
  wholeNumber(code, `${where}.slotRetryAfter`, slot, 1, LONGEST_SLOT_RETRY_AFTER, seconds);
}

/** The header fields of a response. Node's response is one. */
export interface HeaderFields {
  getHeader(name: string): unknown;
  setHeader(name: string, value: string): unknown;
  removeHeader(name: string): unknown;
}

/** The policies of a decision, for its response. */
export interface DescribedPolicies {
  /** The policies that decided, by name. */
  readonly policies: Readonly<Partial<Record<string, Policy>>>;
  /** Their `RateLimit-Policy` field; `undefined` if none of them enforces. */
  readonly policyField: string | undefined;
}

/** Responses to requests that can never be admitted: a later denial adds no `Retry-After`. */
const endless = new WeakSet<object>();

/** A field as one line; Node keeps a repeated field as an array. */
function lineOf(value: unknown): string {
  if (value === undefined) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** The wait that a `Retry-After` field says, in seconds. The field may be a date; 0 if it is neither. */
function secondsOf(retryAfter: unknown): number {
  if (retryAfter === undefined) return 0;
  const line = lineOf(retryAfter);
  if (/^\d+$/.test(line)) return Number(line);
  return Math.max(0, Math.ceil((Date.parse(line) - Date.now()) / 1000)) || 0;
}

/** Adds members to a field that is a list. Returns false if the field was empty before. */
function addMembers(fields: HeaderFields, name: string, members: string): boolean {
  const others = lineOf(fields.getHeader(name));
  fields.setHeader(name, others === '' ? members : `${others}, ${members}`);
  return others !== '';
}

/** Writes the longest wait of all denials; removes the field if one of them has no end. */
function writeRetryAfter(response: object, fields: HeaderFields, seconds: number): void {
  if (seconds === Number.POSITIVE_INFINITY) {
    endless.add(response);
    fields.removeHeader('Retry-After');
  } else if (!endless.has(response)) {
    const longest = Math.max(secondsOf(fields.getHeader('Retry-After')), seconds);
    fields.setHeader('Retry-After', String(longest));
  }
}

/** Removes each `t` that is later than `Retry-After`. */
function removeLaterT(fields: HeaderFields): void {
  const retryAfter = fields.getHeader('Retry-After');
  if (retryAfter === undefined) return;
  const line = lineOf(fields.getHeader('RateLimit'));
  const kept = withoutLaterT(line, secondsOf(retryAfter));
  if (kept !== line) fields.setHeader('RateLimit', kept);
}

/** Writes the header fields of a decision: `writeFields`, or a variant of it. */
export type FieldWriter = (
  response: ServerResponse,
  fields: HeaderFields,
  decision: Decision,
  policies: DescribedPolicies,
  options: FieldOptions,
  limiter: object,
) => void;

/**
 * Writes the header fields of a decision. Several limiters on one request each add their members to `RateLimit-Policy`
 * and `RateLimit`, in the order in which they decide, and `Retry-After` is the longest wait of all denials. A `t` later
 * than `Retry-After` is removed: it comes from a limiter that admitted the request.
 *
 * Precondition: the header fields have not been sent.
 *
 * @param response the same object for all limiters of a request
 * @param fields those of the response, written as its framework wants
 */
export function writeFields(
  response: object,
  fields: HeaderFields,
  decision: Decision,
  { policies, policyField }: DescribedPolicies,
  options: FieldOptions,
): void {
  const { headers } = options;
  if (headers === false && decision.allowed) return;
  let mayBeLater = decision.allowed;
  if (headers !== false && policyField !== undefined) {
    const limitField = draft10LimitField(decision, policies[decision.policy]);
    if (limitField !== undefined) {
      addMembers(fields, 'RateLimit-Policy', policyField);
      // A denial's own t is never later than its Retry-After.
      if (addMembers(fields, 'RateLimit', limitField)) mayBeLater = true;
    }
  } else {
    mayBeLater = true;
  }
  const seconds = retryAfterSeconds(decision, policies, options);
  if (seconds !== undefined) writeRetryAfter(response, fields, seconds);
  if (mayBeLater) removeLaterT(fields);
}
