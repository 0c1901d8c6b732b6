// Events about servers on node:diagnostics_channel.

import { channel } from 'node:diagnostics_channel';
import type { RedisNodeStats, RedisWarning } from '../limiter/stats.js';
import type { OnStoreError, RedisFault } from '../limiter/types.js';

/** Published on `sluice:fault` for each call that Redis did not answer. */
export interface FaultEvent {
  /** The store's `host:port`, without credentials; for a cluster or sentinels, the given addresses. */
  readonly address: string;
  readonly fault: RedisFault;
  /** A text for people, with the server's own words and without secrets. */
  readonly detail: string | undefined;
  /** The rule that decided the call; 'throw': it was rejected. */
  readonly decidedBy: OnStoreError;
}

/**
 * Published on `sluice:breaker` when Sluice stops using a server, probes it, or uses it again. The last event of a
 * server that leaves a cluster, or is no longer the sentinels' master, is 'closed': Sluice no longer uses it.
 */
export interface BreakerEvent {
  /** `host:port`, without credentials. */
  readonly address: string;
  /** 'open': `onStoreError` decides checks; 'half-open': one check probes the server; 'closed': it gets all checks. */
  readonly state: RedisNodeStats['breaker'];
}

/** Published on `sluice:warning` for a problem of a server that answers: once until the problem went away. */
export interface WarningEvent extends RedisWarning {
  /** `host:port`, without credentials. */
  readonly address: string;
}

const breaker = channel('sluice:breaker');
const warningChannel = channel('sluice:warning');

/** The warnings shown because there was no subscriber. The oldest are dropped: servers come and go. */
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
