// One set of policies over one store: what the limiter asks, whichever store it is.

import type { Kind } from '../native.js';
import type { PolicyTable } from './decision.js';
import type { ResolvedKey } from './keys.js';
import type { Operation } from './operation.js';
import type { Decision } from './types.js';

/** A value now, or later. */
export type Later<T> = T | Promise<T>;

export interface Engine<Name extends string> {
  readonly table: PolicyTable<Name>;
  /** A check or a peek. */
  decide(
    kind: Kind.Check | Kind.Peek,
    resolved: ResolvedKey,
    operation: Operation,
  ): Later<Decision<Name>>;
  /** Anything else. Answers whether slots were all held; false where that says nothing. */
  act(kind: Kind, resolved: ResolvedKey, operation: Operation): Later<boolean>;
}
