// What limiters tell whoever listens on node:diagnostics_channel.

import { channel } from 'node:diagnostics_channel';
import type { RedisNodeStats, RedisWarning } from './redis-stats.js';
import type { Decision, Key, OnStoreError, PolicyDecision } from './types.js';

/** Published for each check that is denied. */
export interface DeniedEvent {
  /** As it was asked with. */
  readonly key: Key;
  readonly decision: Decision;
}

/** Published for each shadow policy (`enforce: false`) that would have denied a check. */
export interface WouldDenyEvent extends DeniedEvent {
  /** What the shadow said. */
  readonly policy: PolicyDecision;
}

/**
 * Why Redis did not decide. 'timeout': no answer before the deadline; 'overload': it would not have answered in time;
 * 'unavailable': no connection, it was lost, or the breaker is open; 'refused': the server took the connection and
 * turned us away; 'server': it answered with an error; 'foreign': a key holds what is not ours; 'protocol': it does not
 * speak as Redis does; 'closed': the connection was closed in this process.
 */
export type RedisFault =
  | 'timeout'
  | 'overload'
  | 'unavailable'
  | 'refused'
  | 'server'
  | 'foreign'
  | 'protocol'
  | 'closed';

/** Published on `sluice:fault` for each call that Redis did not answer. */
export interface FaultEvent {
  /** Of the store: `host:port`, without credentials; of a cluster or sentinels, those that were given. */
  readonly address: string;
  readonly fault: RedisFault;
  /** What happened, for a person, with the server's own words; without secrets. */
  readonly detail: string | undefined;
  /** By which rule the call was decided; 'throw': it was rejected. */
  readonly decidedBy: OnStoreError;
}

/**
 * Published on `sluice:breaker` when a server is given up, tried, or used again. One that leaves a cluster, or is no
 * longer the master that sentinels name, is told 'closed' at last: nothing is asked of it any more.
 */
export interface BreakerEvent {
  /** `host:port`, without credentials. */
  readonly address: string;
  /** 'open': checks go by `onStoreError`; 'half-open': one of them is tried; 'closed': all are asked again. */
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

/** What nobody listened to, as it was shown. The oldest are forgotten: servers come and go. */
const shown = new Set<string>();
const MOST_SHOWN = 1000;

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
  const which = `${address} ${warning === 'policy-clash' ? detail : warning}`;
  if (shown.has(which)) return;
  shown.add(which);
  if (shown.size > MOST_SHOWN) shown.delete(shown.values().next().value!);
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
