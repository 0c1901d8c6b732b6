// The counts that stats() reports.

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

/** What a total has no single value of. */
export type UnsummedField = 'address' | 'breaker' | 'connected' | 'warnings';

/**
 * Of all servers: sums, but for the largest batch and the quantiles, which are the worst server's. In the sums is also
 * what came to none of them (no node of a cluster could be asked who has the key, no sentinel for the master), and
 * what came to servers that are no longer part of the set.
 */
export interface RedisStats extends Omit<RedisNodeStats, UnsummedField> {
  /** Whether all are, and there is one. */
  readonly connected: boolean;
  /** Of a cluster: its masters. Behind sentinels: the master. */
  readonly nodes: readonly RedisNodeStats[];
}

/** Counts since the limiter was made; for Redis also what its connection, shared with others, has done. */
export interface LimiterStats {
  readonly store: 'memory' | 'redis';
  /** Checks admitted, and denied. Peeks do not count. */
  readonly allowed: number;
  /** See `allowed`. */
  readonly denied: number;
  /** Memory: entries held, slots of the table, entries given up for new keys before they had expired. */
  readonly memory?: { readonly keys: number; readonly capacity: number; readonly evicted: number };
  /** Redis: the connection; absent once closed. */
  readonly redis?: RedisStats | undefined;
}
