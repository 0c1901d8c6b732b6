// Counts decisions, and publishes denials.

import type { PolicyTable } from './decision.js';
import { publishDenied, publishWouldDeny } from './events.js';
import type { Decision, Key } from './types.js';

/** Counts the decisions of one limiter. */
export class Counts {
  allowed = 0;
  denied = 0;

  add(key: Key, { policies, hasShadow }: PolicyTable<string>, decision: Decision): void {
    if (decision.allowed) {
      this.allowed++;
    } else {
      this.denied++;
      publishDenied(key, decision);
    }
    if (hasShadow) publishWouldDeny(key, decision, (i) => !policies[i]!.enforce);
  }
}
