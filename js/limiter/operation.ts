// An operation, as written to the exchange for native code.

import { native } from '../native.js';
import type { PolicyTable } from './decision.js';

const { exchange } = native;

/** An operation on a key. */
export interface Operation {
  /** Units: one for all policies, or one for each. For a check, its cost. */
  readonly units: number | readonly number[];
  /** Checks: the limits of this call, `OWN_LIMIT` for a policy's own. Aborts: the limits of the aborted call. */
  readonly limits?: readonly number[] | undefined;
  /** Checks: the longest wait, in us. */
  readonly maxWaitUs?: number;
  /** Credits: the mark of each policy's charge. */
  readonly marks?: readonly number[];
  /** Credits, releases, renewals: this process made the charge, because the store failed. */
  readonly local?: boolean;
  /** Blocks: the duration, in us. */
  readonly blockUs?: number;
  /** Blocks: the policies, one bit each. Settlements: the policies whose usage is given. */
  readonly which?: number;
  /** Reservations and checkpoints: the time after which it expires, in us. */
  readonly holdForUs?: number;
  /** Reservations: as OnExpire in core/ledger.h. */
  readonly onExpire?: number;
  /** The holder of the slots: 32 hexadecimal digits. */
  readonly holder?: string;
  /** Checks: the id that is charged once. Aborts: the id of the aborted check. */
  readonly id?: string | undefined;
}

/** Instead of a limit of the operation. As kOwnLimit in core/policy.h. */
export const OWN_LIMIT = -1;
const HAS_MARKS = 1;
const LOCAL = 2;
const ON_EXPIRE = 4;

/** Whether one number is the whole operation. */
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

/** Writes the operation to the exchange; see native/addon/environment.h. Native code must read it before any other code runs. */
export function writeOperation(operation: Operation, policies: number): void {
  const { units, limits, marks } = operation;
  exchange[0] = operation.maxWaitUs ?? operation.blockUs ?? operation.holdForUs ?? -1;
  exchange[1] = operation.which ?? 0;
  exchange[2] =
    (marks === undefined ? 0 : HAS_MARKS) +
    (operation.local === true ? LOCAL : 0) +
    (operation.onExpire ?? 0) * ON_EXPIRE;
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
