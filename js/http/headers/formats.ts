// The header formats by name.

import type { Decision, Policy } from '../../limiter/types.js';
import { DRAFT_6_FIELDS, draft6PolicyField, draft6Values } from './draft-6.js';
import { draft7LimitField, draft7PolicyField } from './draft-7.js';
import { draft8LimitField, draft8PolicyField } from './draft-8.js';
import { draft10LimitField, draft10PolicyField } from './draft-10.js';
import { LEGACY_FIELDS, legacyValues } from './legacy.js';
import type { Quota } from './quota.js';

/** A format of the headers that tell a client its limits. */
export type HeaderFormatName = 'draft-10' | 'draft-8' | 'draft-7' | 'draft-6' | 'legacy';

/** The field that lists the policies, of every draft. */
export const POLICY_FIELD = 'RateLimit-Policy';

/** How a format writes its fields. */
export interface HeaderFormat {
  /** The members of `RateLimit-Policy`, '' for none; `undefined` if the format has no such field. */
  readonly policyField?: (quotas: Readonly<Record<string, Quota>>) => string;
  /** The fields about the binding policy. */
  readonly names: readonly string[];
  /** Whether these are lists, to which each limiter of a request adds a member. */
  readonly isList: boolean;
  /** Their values; `undefined` when the quota is unknown. */
  readonly values: (
    decision: Decision,
    policy: Policy | undefined,
    retryAfter: number | undefined,
  ) => readonly string[] | undefined;
}

const RATE_LIMIT = ['RateLimit'];

const one = (value: string | undefined) => (value === undefined ? undefined : [value]);

export const HEADER_FORMATS: Readonly<Record<HeaderFormatName, HeaderFormat>> = {
  'draft-10': {
    policyField: draft10PolicyField,
    names: RATE_LIMIT,
    isList: true,
    values: (decision, policy) => one(draft10LimitField(decision, policy)),
  },
  'draft-8': {
    policyField: draft8PolicyField,
    names: RATE_LIMIT,
    isList: true,
    values: (decision, policy, retryAfter) => one(draft8LimitField(decision, policy, retryAfter)),
  },
  'draft-7': {
    policyField: draft7PolicyField,
    names: RATE_LIMIT,
    isList: false,
    values: (decision, _, retryAfter) => one(draft7LimitField(decision, retryAfter)),
  },
  'draft-6': {
    policyField: draft6PolicyField,
    names: DRAFT_6_FIELDS,
    isList: false,
    values: (decision, _, retryAfter) => draft6Values(decision, retryAfter),
  },
  legacy: {
    names: LEGACY_FIELDS,
    isList: false,
    values: (decision, _, retryAfter) => legacyValues(decision, retryAfter, Date.now()),
  },
};
