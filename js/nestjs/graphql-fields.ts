// The header fields of a GraphQL response. One operation may call a limiter once for each resolver in it.

import type { ServerResponse } from 'node:http';
import { type DescribedPolicies, type FieldWriter, writeFields } from '../http/fields.js';
import type { Decision } from '../limiter/types.js';

const LISTS = ['RateLimit-Policy', 'RateLimit'] as const;

/** The limiters' decisions for one operation. */
interface Operation {
  /** The values of `LISTS` before the first decision. */
  readonly before: readonly ReturnType<ServerResponse['getHeader']>[];
  /** The last decision of each limiter. */
  readonly last: Map<object, { decision: Decision; policies: DescribedPolicies }>;
}

const operations = new WeakMap<ServerResponse, Operation>();

function operationOf(response: ServerResponse): Operation {
  let operation = operations.get(response);
  if (operation === undefined) {
    operation = { before: LISTS.map((name) => response.getHeader(name)), last: new Map() };
    operations.set(response, operation);
  }
  return operation;
}

/**
 * Writes a decision like `writeFields`, and replaces the limiter's last one. So the fields have one member per policy,
 * however many fields a client puts into its query, and stay below the limits of HTTP clients.
 */
export const writeGraphqlFields: FieldWriter = (
  response,
  fields,
  decision,
  policies,
  options,
  limiter,
) => {
  const { before, last } = operationOf(response);
  last.set(limiter, { decision, policies });
  for (const [i, name] of LISTS.entries()) {
    const value = before[i];
    if (value === undefined) response.removeHeader(name);
    else response.setHeader(name, value);
  }
  for (const { decision, policies } of last.values()) {
    writeFields(response, fields, decision, policies, options);
  }
};
