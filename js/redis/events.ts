// Events about servers on node:diagnostics_channel.

import { channel } from 'node:diagnostics_channel';
import type { RedisNodeStats, RedisWarning } from '../limiter/stats.js';
import type { OnStoreError, RedisFault } from '../limiter/types.js';

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
