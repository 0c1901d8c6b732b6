// What a limiter is asked, as it is left in the exchange for native code to read.

import { native } from '../native.js';
import type { PolicyTable } from './decision.js';

/** A question about a key. */
export interface Operation {
  /** Units: one for all policies, or one for each. Of a check, its cost. */
  readonly units: number | readonly number[];
  /** Checks: the limits of this call, `OWN_LIMIT` for a policy's own. Aborts: those of the call that gave up. */
  readonly limits?: readonly number[] | undefined;
  /** Checks: how long the caller would wait, in us. */
  readonly maxWaitUs?: number;
  /** Credits: Decision::mark of what is given back, for each policy. */
  readonly marks?: readonly number[];
  /** Credits, releases, renewals: this process made the charge, in place of a store that failed. */
  readonly local?: boolean;
  /** Blocks: for how long, in us. */
  readonly blockUs?: number;
  /** Blocks: of which policies, one bit each. */
  readonly which?: number;
  /** Whose slots: 32 hexadecimal digits. */
  readonly holder?: string;
  /** Checks: by which they are charged once. Aborts: of the check that is taken back. */
  readonly id?: string | undefined;
}

/** In place of a limit of the operation. As kOwnLimit in core/policy.h. */
export const OWN_LIMIT = -1;
const HAS_MARKS = 1;
const LOCAL = 2;

/** Whether one number says it all. */
export function isCostOnly(
  operation: Operation,
): operation is Operation & { readonly units: number } {
  return (
    typeof operation.units === 'number' &&
    operation.limits === undefined &&
    operation.maxWaitUs === undefined &&
    operation.id === undefined
  );
}

/** Leaves the call in the exchange; see native/addon/environment.h. To be handed over before anything else runs. */
export function writeOperation(operation: Operation, policies: number): void {
  const { exchange } = native;
  const { units, limits, marks } = operation;
  exchange[0] = operation.maxWaitUs ?? operation.blockUs ?? -1;
  exchange[1] = operation.which ?? 0;
  exchange[2] = (marks === undefined ? 0 : HAS_MARKS) + (operation.local === true ? LOCAL : 0);
  const second = marks ?? limits;
  for (let i = 0; i < policies; i++) {
    exchange[3 + 2 * i] = typeof units === 'number' ? units : units[i]!;
    exchange[4 + 2 * i] = second === undefined ? OWN_LIMIT : second[i]!;
  }
  if (marks === undefined || limits === undefined) return;
  for (let i = 0; i < policies; i++) exchange[3 + 2 * policies + i] = limits[i]!;
}

/** Whether an admitted call takes a slot of some policy. */
export function takesSlots({ policies }: PolicyTable<string>, { units }: Operation): boolean {
  return policies.some(
    ({ algorithm }, i) =>
      algorithm === 'concurrency' && (typeof units === 'number' ? units : units[i]!) > 0,
  );
}
