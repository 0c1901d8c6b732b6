// Events of limiters over Redis on node:diagnostics_channel.

import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { RedisNodeStats, RedisWarning } from '../limiter/stats.js';
import type { OnStoreError, RedisFault } from '../limiter/types.js';
import { warn } from '../limiter/warn.js';

/** Published on `sluice:fault` for each call that Redis did not answer. */
export interface FaultEvent {
  /** The store's `host:port`, without credentials; for a cluster or sentinels, the given addresses. */
  readonly address: string;
  /** The reason why Redis did not decide. */
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

const fault = channel('sluice:fault');
const breaker = channel('sluice:breaker');
const warningChannel = channel('sluice:warning');

/** The warnings shown because there was no subscriber. The oldest are dropped: servers come and go. */
const shown = new Set<string>();
const MOST_SHOWN = 1000;

/** The channels with events about single calls. */
const ofCalls = [channel('sluice:denied'), channel('sluice:would-deny'), fault];

/** Runs a function in the async context of the call that it belongs to. */
export type CallContext = (publish: () => void) => void;

const anyContext: CallContext = (publish) => publish();

/** The current context. Without a subscriber any context will do: capturing one takes about a microsecond. */
export function callContext(): CallContext {
  return ofCalls.some(({ hasSubscribers }) => hasSubscribers)
    ? AsyncLocalStorage.snapshot()
    : anyContext;
}

/** Returns false if there is no subscriber. */
export function publishFault(event: FaultEvent): boolean {
  if (!fault.hasSubscribers) return false;
  fault.publish(event);
  return true;
}

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
  warn('SLUICE_STORE_WARNING', `Redis at ${address}: ${detail}`);
}
