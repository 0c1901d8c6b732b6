// One plan's policies over any store.

import type { Kind } from '../native.js';
import type { HoldAnswer } from './decision.js';
import type { ResolvedKey } from './keys.js';
import type { Operation } from './operation.js';
import type { PlanPolicies } from './plans.js';
import type { Decision } from './types.js';

/** A value now, or later. */
export type Later<T> = T | Promise<T>;

export interface Engine<Name extends string> extends PlanPolicies<Name> {
  /** A check or a peek. */
  decide(
    kind: Kind.Check | Kind.Peek,
    resolved: ResolvedKey,
    operation: Operation,
  ): Later<Decision<Name>>;
  /** All other operations. Returns whether all slots were held; false where that has no meaning. */
  act(kind: Kind, resolved: ResolvedKey, operation: Operation): Later<boolean>;
  /** An operation on the reservation of `operation.holder`. A decision if it decides, and the reservation is open. */
  hold(kind: Kind, resolved: ResolvedKey, operation: Operation): Later<Decision<Name> | HoldAnswer>;
}
