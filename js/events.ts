// What limiters tell whoever listens on node:diagnostics_channel.

import { channel } from 'node:diagnostics_channel';
import type { RedisNodeStats, RedisWarning } from './redis-stats.js';
import type { Decision, Key, PolicyDecision } from './types.js';

/** Published for each check that is denied. */
export interface DeniedEvent {
  readonly key: Key;
  readonly decision: Decision;
}

/** Published for each shadow policy (`enforce: false`) that would have denied a check. */
export interface WouldDenyEvent extends DeniedEvent {
  readonly policy: PolicyDecision;
}

/**
 * Published on `sluice:breaker` when a server is given up, tried, or used again. One that leaves a cluster, or is no
 * longer the master that sentinels name, is told 'closed' at last: nothing is asked of it any more.
 */
export interface BreakerEvent {
  /** `host:port`, without credentials. */
  readonly address: string;
  readonly state: RedisNodeStats['breaker'];
}

/** Published on `sluice:warning` when a server answers and something is wrong with it: once until that went away. */
export interface WarningEvent extends RedisWarning {
  /** `host:port`, without credentials. */
  readonly address: string;
}

const breaker = channel('sluice:breaker');
const denied = channel('sluice:denied');
const wouldDeny = channel('sluice:would-deny');
const warningChannel = channel('sluice:warning');

/** What nobody listened to, as it was shown. */
const shown = new Set<string>();

export function publishBreaker(address: string, state: BreakerEvent['state']): void {
  if (breaker.hasSubscribers) breaker.publish({ address, state } satisfies BreakerEvent);
}

export function publishWarning(
  address: string,
  warning: RedisWarning['warning'],
  detail: string,
): void {
  if (warningChannel.hasSubscribers) {
    warningChannel.publish({ address, warning, detail } satisfies WarningEvent);
    return;
  }
  const which = `${address} ${warning}`;
  if (shown.has(which)) return;
  shown.add(which);
  process.emitWarning(`Redis at ${address}: ${detail}`, {
    type: 'SluiceWarning',
    code: 'SLUICE_STORE_WARNING',
  });
}

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
