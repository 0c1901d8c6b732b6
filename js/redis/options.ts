// The options of redis().

import { checkOptionNames, unknownOption } from '../limiter/errors.js';
import type { RedisClient } from './external-client.js';
import type { PasswordFunction } from './passwords.js';
import type { RedisTlsOptions } from './tls.js';

/** Options of a Redis store. One of `url`, `nodes` and `sentinels` locates the servers. */
export interface RedisOptions {
  /**
   * `redis://[[user]:password@]host[:port][/database]`; `rediss://`, the same with TLS; or
   * `redis+unix://[[user]:password@]/path[?db=database]`. `valkey://` and `valkeys://` are the first two.
   */
  url?: string;
  /** With `cluster: true`: URLs of some of its nodes, which lead to the others. */
  nodes?: readonly string[];
  /** The servers are a Redis Cluster. */
  cluster?: boolean;
  /** With `master`: URLs of sentinels, which name the master; the default port is 26379. */
  sentinels?: readonly string[];
  /** The sentinels' name for the master. */
  master?: string;
  /** Replaces the user in the sentinels' URLs. For the sentinels alone. */
  sentinelUsername?: string | undefined;
  /** Replaces the password in the sentinels' URLs; like `password`, but for the sentinels alone. */
  sentinelPassword?: string | PasswordFunction | undefined;
  /** Replaces the user in the URL. Behind sentinels: for the master. */
  username?: string | undefined;
  /**
   * Replaces the password in the URL: the password, or a function that returns it. The function is called for each new
   * connection, so that an expired token is replaced. Checks that wait for it end at their deadline, by
   * `onStoreError`. Limiters share a connection if they have the same function.
   */
  password?: string | PasswordFunction | undefined;
  /** Replaces the database in the URL: a whole number >= 0. A cluster has only 0. */
  database?: number | undefined;
  /** If given: TLS to all servers, whatever the URLs' scheme. */
  tls?: RedisTlsOptions | undefined;
}

// As an object, so that one forgotten here does not compile.
export const OPTIONS: Readonly<Record<keyof RedisOptions, true>> = {
  url: true,
  nodes: true,
  cluster: true,
  sentinels: true,
  master: true,
  sentinelUsername: true,
  sentinelPassword: true,
  username: true,
  password: true,
  database: true,
  tls: true,
};

/** Option names of other clients, and their places here. */
const FOREIGN_OPTIONS = new Map([
  ['host', 'url'],
  ['port', 'url'],
  ['path', 'url'],
  ['socket', 'url'],
  ['db', 'database'],
  ['user', 'username'],
  ['name', 'master'],
  ['rootNodes', 'nodes'],
  ['startupNodes', 'nodes'],
]);

/** @throws TypeError `ERR_SLUICE_UNKNOWN_OPTION`, without any value: it may be a password under a wrong name */
export function checkNames(options: object): void {
  for (const name of Object.keys(options)) {
    const ours = FOREIGN_OPTIONS.get(name);
    if (ours === undefined) continue;
    const such = ours === 'url' ? ", such as 'redis://localhost:6379'" : '';
    const message = `redis has no option '${name}'. Use '${ours}'${such}.`;
    throw unknownOption('redis', name, message);
  }
  checkOptionNames(options, [...Object.keys(OPTIONS), 'client'], 'redis', { secret: true });
}

/** Options of a Redis store over a client of yours. */
export interface RedisClientOptions extends Partial<Record<keyof RedisOptions, never>> {
  /**
   * A client of ioredis, iovalkey or node-redis, also for a cluster. It stays yours: you connect and close it, and its
   * own options set TLS and passwords. Limiters over one client share their batches.
   */
  client: RedisClient;
}
