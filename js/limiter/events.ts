// Events of limiters on node:diagnostics_channel.

import { channel } from 'node:diagnostics_channel';
import type { Decision, Key, PolicyDecision } from './types.js';

/** Published on `sluice:denied` for each check that is denied. */
export interface DeniedEvent {
  /** The key of the check. */
  readonly key: Key;
  /** The denial; under a shadow, the decision of the whole check. */
  readonly decision: Decision;
}

/** Published on `sluice:would-deny` for each shadow policy (`enforce: false`) that would have denied a check. */
export interface WouldDenyEvent extends DeniedEvent {
  /** The shadow's decision. */
  readonly policy: PolicyDecision;
}

const denied = channel('sluice:denied');
const wouldDeny = channel('sluice:would-deny');

export function publishDenied(key: Key, decision: Decision): void {
  if (denied.hasSubscribers) denied.publish({ key, decision } satisfies DeniedEvent);
}

export function publishWouldDeny(
  key: Key,
  decision: Decision,
  isShadow: (index: number) => boolean,
): void {
  if (!wouldDeny.hasSubscribers) return;
  for (const [i, policy] of decision.policies.entries()) {
    if (isShadow(i) && !policy.allowed) {
      wouldDeny.publish({ key, decision, policy } satisfies WouldDenyEvent);
    }
  }
}
