// What stats() tells of Redis.

/** What is wrong with a server although it answers. See docs/redis.md. */
export interface RedisWarning {
  /**
   * 'evicting-policy': it may forget limits when its memory is full; 'replica': it is not the one to ask; 'clock': its
   * clock is more than a second off this process's; 'no-password': it was given a password and asks for none;
   * 'policy-clash': another process gives a policy other numbers under the same prefix.
   */
  readonly warning: 'evicting-policy' | 'replica' | 'clock' | 'no-password' | 'policy-clash';
  /** For a person. */
  readonly detail: string;
}

/** Of one server, for all limiters of this process that use it. Counts since the first of them was made. */
export interface RedisNodeStats {
  /** `host:port` */
  readonly address: string;
  /** Now; the breaker says whether it is of use. */
  readonly connected: boolean;
  /** 'open': checks go by `onStoreError` at once; 'half-open': one of them sees whether the server is back. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** How often it has left 'closed'. */
  readonly breakerOpenings: number;
  /** Requests: checks, and all else that is asked. */
  readonly submitted: number;
  /** Of these, those answered, however. */
  readonly completed: number;
  /** Of these, those whose deadline passed. */
  readonly timeouts: number;
  /** Of these, those not asked because the server would not have answered in time. */
  readonly shed: number;
  /** Of these, those that failed otherwise. */
  readonly faults: number;
  /** How often a request was written again: the connection was lost, or the server would not execute it. */
  readonly retries: number;
  /** Commands that carried requests. */
  readonly batches: number;
  /** Requests in a batch. */
  readonly meanBatch: number;
  /** The same, of the largest one so far: at most 128. */
  readonly largestBatch: number;
  /** How often a connection was made after the first. */
  readonly reconnects: number;
  /** How often the server had forgotten the script. */
  readonly scriptReloads: number;
  /** Requests that wait to be written, now. */
  readonly queueDepth: number;
  /** From a check's call to its answer, whoever gave it, in ms; up to 1/32 too long. 0 before the first. */
  readonly p50Ms: number;
  /** The same, for 99 of 100 checks. */
  readonly p99Ms: number;
  /** The same, for 999 of 1,000 checks. */
  readonly p999Ms: number;
  /** As of the last connection, or none if the server does not tell. */
  readonly warnings: readonly RedisWarning[];
}

type NotSummed = 'address' | 'breaker' | 'connected' | 'warnings';

/**
 * Of all servers: sums, but for the largest batch and the quantiles, which are the worst server's. In the sums is also
 * what came to none of them (no node of a cluster could be asked who has the key, no sentinel for the master), and
 * what came to servers that are no longer part of the set.
 */
export interface RedisStats extends Omit<RedisNodeStats, NotSummed> {
  /** Whether all are, and there is one. */
  readonly connected: boolean;
  /** Of a cluster: its masters. Behind sentinels: the master. */
  readonly nodes: readonly RedisNodeStats[];
}

export function totalOf(others: RedisNodeStats, ...nodes: readonly RedisNodeStats[]): RedisStats {
  const all = [others, ...nodes];
  type Count = Exclude<keyof RedisNodeStats, NotSummed | 'meanBatch'>;
  const sum = (name: Count) => all.reduce((total, node) => total + node[name], 0);
  const most = (name: Count) => all.reduce((worst, node) => Math.max(worst, node[name]), 0);
  const batched = all.reduce((total, { batches, meanBatch }) => total + batches * meanBatch, 0);
  const batches = sum('batches');
  return {
    connected: nodes.length > 0 && nodes.every(({ connected }) => connected),
    breakerOpenings: sum('breakerOpenings'),
    submitted: sum('submitted'),
    completed: sum('completed'),
    timeouts: sum('timeouts'),
    shed: sum('shed'),
    faults: sum('faults'),
    retries: sum('retries'),
    batches,
    meanBatch: batches === 0 ? 0 : batched / batches,
    largestBatch: most('largestBatch'),
    reconnects: sum('reconnects'),
    scriptReloads: sum('scriptReloads'),
    queueDepth: sum('queueDepth'),
    p50Ms: most('p50Ms'),
    p99Ms: most('p99Ms'),
    p999Ms: most('p999Ms'),
    nodes,
  };
}
