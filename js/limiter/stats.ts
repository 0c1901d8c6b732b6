// The numbers of stats().

/** A problem of a server that answers. See docs/redis.md. */
export interface RedisWarning {
  /**
   * 'evicting-policy': it may evict limits when its memory is full; 'replica': it is not a master; 'clock': its clock
   * differs from this process's by more than a second; 'no-password': it needs no password, although one was given;
   * 'policy-clash': another process gives a policy different numbers under the same prefix.
   */
  readonly warning: 'evicting-policy' | 'replica' | 'clock' | 'no-password' | 'policy-clash';
  /** For a person. */
  readonly detail: string;
}

/** Numbers of one server, for all limiters of this process that use it, since the first of them was made. */
export interface RedisNodeStats {
  /** `host:port` */
  readonly address: string;
  /** Whether a connection exists now; the breaker shows whether checks use it. */
  readonly connected: boolean;
  /** 'open': `onStoreError` decides checks at once; 'half-open': one check probes whether the server is back. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** The number of times that it left 'closed'. */
  readonly breakerOpenings: number;
  /** Requests: checks and all other operations. */
  readonly submitted: number;
  /** The answered ones of these, with any result. */
  readonly completed: number;
  /** The ones of these whose deadline passed. */
  readonly timeouts: number;
  /** The ones of these that were not sent, because the server would not have answered in time. */
  readonly shed: number;
  /** The ones of these that failed otherwise. */
  readonly faults: number;
  /** The number of resent requests: the connection was lost, or the server refused to execute them. */
  readonly retries: number;
  /** Commands that carried requests. */
  readonly batches: number;
  /** Requests in a batch. */
  readonly meanBatch: number;
  /** The largest batch so far: at most 128. */
  readonly largestBatch: number;
  /** The number of connections after the first. */
  readonly reconnects: number;
  /** The number of times that the server had lost the script. */
  readonly scriptReloads: number;
  /** Requests that wait to be written now. */
  readonly queueDepth: number;
  /** The time from a check's call to its answer, of any source, in ms; up to 1/32 too long. 0 before the first. */
  readonly p50Ms: number;
  /** The same for 99 of 100 checks. */
  readonly p99Ms: number;
  /** The same for 999 of 1,000 checks. */
  readonly p999Ms: number;
  /** The findings of the last connection; none if the server does not show them. */
  readonly warnings: readonly RedisWarning[];
}

/** The fields without a total. */
export type UnsummedField = 'address' | 'breaker' | 'connected' | 'warnings';

/**
 * Totals over all servers, except that the largest batch and the quantiles are the worst server's. They include
 * requests that reached no server, because no node of a cluster or no sentinel answered. They also include requests
 * to servers that are no longer part of the set.
 */
export interface RedisStats extends Omit<RedisNodeStats, UnsummedField> {
  /** Whether there is a server, and all are connected. */
  readonly connected: boolean;
  /** For a cluster its masters; behind sentinels the master. */
  readonly nodes: readonly RedisNodeStats[];
}

/** Counts since the limiter was made; over Redis also those of its connection, which it shares. */
export interface LimiterStats {
  /** The kind of the store. */
  readonly store: 'memory' | 'redis';
  /** Checks admitted, and denied. Peeks do not count. */
  readonly allowed: number;
  /** See `allowed`. */
  readonly denied: number;
  /** Memory: entries, slots of the table, and entries evicted before they had expired. */
  readonly memory?: { readonly keys: number; readonly capacity: number; readonly evicted: number };
  /** Redis: the connection; absent after close(). */
  readonly redis?: RedisStats | undefined;
}
