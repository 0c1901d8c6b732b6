// Writes the header fields of a decision into a response, beside those of other limiters.

import type { ServerResponse } from 'node:http';
import { checkNumber, typeError, wholeNumber } from '../limiter/errors.js';
import type { Decision, Policy } from '../limiter/types.js';
import { withoutLaterT } from './headers/draft-10.js';
import {
  HEADER_FORMATS,
  type HeaderFormat,
  type HeaderFormatName,
  POLICY_FIELD,
} from './headers/formats.js';
import { quotaIsKnown } from './headers/quota.js';
import { type RetryAfterOptions, retryAfterSeconds } from './retry-after.js';

/** The options of the header fields. */
export interface FieldOptions extends RetryAfterOptions {
  /**
   * The format of the headers that tell a client its limits, or several: one draft, and 'legacy' (`X-RateLimit-*`).
   * `false`: none, only the `Retry-After` of a denial. Default 'draft-10'.
   */
  headers?: HeaderFormatName | readonly HeaderFormatName[] | false;
}

const LONGEST_SLOT_RETRY_AFTER = 86_400;
const FORMAT_NAMES = Object.keys(HEADER_FORMATS).map((name) => `'${name}'`);

/** @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` for a field option that cannot be used */
export function checkFieldOptions(options: FieldOptions, where: string): void {
  const { headers = false, retryAfterJitter: jitter = 0, slotRetryAfter: slot = 1 } = options;
  const code = 'ERR_SLUICE_OPTIONS';
  const names: readonly unknown[] = Array.isArray(headers) ? headers : [headers];
  const isKnown = (name: unknown) =>
    typeof name === 'string' && Object.hasOwn(HEADER_FORMATS, name);
  if (headers !== false && !(names.length > 0 && names.every(isKnown))) {
    const expected = `${FORMAT_NAMES.join(', ')}, an array of them, or false`;
    throw typeError(code, `${where}.headers`, headers, expected);
  }
  // They share the names of their fields.
  if (names.filter((name) => name !== 'legacy').length > 1 || new Set(names).size < names.length) {
    const expected = "one draft at most, with or without 'legacy'";
    throw typeError(code, `${where}.headers`, headers, expected);
  }
  const share = 'a number from 0 to 1';
  checkNumber(code, `${where}.retryAfterJitter`, jitter, share, (n) => n >= 0 && n <= 1);
  const seconds = `${LONGEST_SLOT_RETRY_AFTER} (seconds)`;
  wholeNumber(code, `${where}.slotRetryAfter`, slot, 1, LONGEST_SLOT_RETRY_AFTER, seconds);
}

/** The formats that checked options name. */
export function formatsOf({ headers = 'draft-10' }: FieldOptions): readonly HeaderFormat[] {
  if (headers === false) return [];
  const names = typeof headers === 'string' ? [headers] : headers;
  return names.map((name) => HEADER_FORMATS[name]);
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
  /** Their `RateLimit-Policy` field, '' for none. */
  readonly policyField: string;
  /** Whether one of them enforces: clients do not see shadows. */
  readonly enforces: boolean;
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

/** The decision of a response whose numbers the fields that are not lists show. */
const shown = new WeakMap<object, Decision>();

/** Whether `a` binds a client more than `b`. */
function bindsMore(a: Decision, b: Decision): boolean {
  if (a.allowed !== b.allowed) return b.allowed;
  if (!a.allowed) return a.retryAfterMs > b.retryAfterMs;
  return a.remaining * b.limit < b.remaining * a.limit;
}

/** Makes `decision` the one that is shown, unless another one binds more. */
function show(response: object, decision: Decision): boolean {
  const before = shown.get(response);
  if (before !== undefined && !bindsMore(decision, before)) return false;
  shown.set(response, decision);
  return true;
}

/** Undoes later writes of these formats to a response. `Retry-After` stays. */
export function keepFields(
  response: object,
  fields: HeaderFields,
  formats: readonly HeaderFormat[],
): () => void {
  const names = [POLICY_FIELD, ...formats.flatMap((format) => format.names)];
  const values = names.map((name) => fields.getHeader(name));
  const before = shown.get(response);
  return () => {
    for (const [i, name] of names.entries()) {
      const value = values[i];
      if (value === undefined) fields.removeHeader(name);
      else fields.setHeader(name, lineOf(value));
    }
    if (before === undefined) shown.delete(response);
    else shown.set(response, before);
  };
}

/** The formats and the `Retry-After` options of a guard. */
export interface FieldPlan {
  readonly formats: readonly HeaderFormat[];
  readonly retryAfter: RetryAfterOptions;
}

/** Writes the header fields of a decision: `writeFields`, or a variant of it. */
export type FieldWriter = (
  response: ServerResponse,
  fields: HeaderFields,
  decision: Decision,
  policies: DescribedPolicies,
  plan: FieldPlan,
  limiter: object,
) => void;

/**
 * Writes the header fields of a decision. Several limiters on one request each add their members to the fields that are
 * lists, in the order in which they decide. The other fields show the decision that binds: the denial with the longest
 * wait, else the smallest share left. `Retry-After` is the longest wait of all denials. A `t` later than `Retry-After`
 * is removed: it comes from a limiter that admitted the request.
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
  { policies, policyField, enforces }: DescribedPolicies,
  { formats, retryAfter }: FieldPlan,
): void {
  if (formats.length === 0 && decision.allowed) return;
  const seconds = retryAfterSeconds(decision, policies, retryAfter);
  // A denial's own t is never later than its Retry-After.
  let mayBeLater = decision.allowed || formats.length === 0;
  if (enforces && quotaIsKnown(decision)) {
    if (formats.length > 0 && policyField !== '') addMembers(fields, POLICY_FIELD, policyField);
    let binds: boolean | undefined;
    for (const format of formats) {
      if (!format.isList) {
        binds ??= show(response, decision);
        if (!binds) continue;
      }
      const values = format.values(decision, policies[decision.policy], seconds)!;
      for (let i = 0; i < values.length; i++) {
        const name = format.names[i]!;
        if (!format.isList) fields.setHeader(name, values[i]!);
        else if (addMembers(fields, name, values[i]!)) mayBeLater = true;
      }
    }
  } else {
    mayBeLater = true;
  }
  if (seconds !== undefined) writeRetryAfter(response, fields, seconds);
  if (mayBeLater) removeLaterT(fields);
}
