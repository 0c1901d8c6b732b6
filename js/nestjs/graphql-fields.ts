// The header fields of a GraphQL response. One operation may call a limiter once for each resolver in it.

import type { ServerResponse } from 'node:http';
import { type FieldWriter, keepFields, writeFields } from '../http/fields.js';
import { HEADER_FORMATS } from '../http/headers/formats.js';

const FORMATS = Object.values(HEADER_FORMATS);

/** The limiters' decisions for one operation. */
interface Operation {
  /** Restores the fields of the time before the first decision. */
  readonly restore: () => void;
  /** Writes the last decision of each limiter. */
  readonly last: Map<object, () => void>;
}

const operations = new WeakMap<ServerResponse, Operation>();

function operationOf(response: ServerResponse): Operation {
  let operation = operations.get(response);
  if (operation === undefined) {
    operation = { restore: keepFields(response, response, FORMATS), last: new Map() };
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
  plan,
  limiter,
) => {
  const { restore, last } = operationOf(response);
  last.set(limiter, () => writeFields(response, fields, decision, policies, plan));
  restore();
  for (const write of last.values()) write();
};
