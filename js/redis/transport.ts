// The way of a store to its servers.

import type { NativeBackend, NativeServers } from '../native.js';

/** Sluice's own connections, or a user's client. */
export interface Transport {
  /** See `RedisStore.address`. */
  readonly address: string;
  /** Identifies the servers and the database, or the client. */
  readonly scope: string;
  /** Identifies the servers and the database, in all threads and over any client, if known. */
  readonly server: string;
  /** Whether the keys of a check must share a slot. */
  readonly isCluster: boolean;
  /** The session with a user's client. */
  readonly session?: {
    readonly connected: boolean;
    pump(): void;
  };
  /** For native code. */
  readonly native: { readonly servers: NativeServers } | { readonly backend: NativeBackend };
}
