// The options of redis().

import { checkOptionNames, unknownOption } from '../limiter/errors.js';
import type { RedisClient } from './external-client.js';
import type { PasswordFunction } from './passwords.js';
import type { RedisTlsOptions } from './tls.js';

/** Options of a Redis store. One of `url`, `nodes` and `sentinels` says where the servers are. */
export interface RedisOptions {
  /**
   * `redis://[[user]:password@]host[:port][/database]`; `rediss://`, the same with TLS; or
   * `redis+unix://[[user]:password@]/path[?db=database]`. `valkey://` and `valkeys://` are the first two.
   */
  url?: string;
  /** With `cluster: true`: URLs of some of its nodes. The others are found through them. */
  nodes?: readonly string[];
  /** The servers are a Redis Cluster. */
  cluster?: boolean;
  /** With `master`: URLs of sentinels, which say where the master is; their port is 26379 if not given. */
  sentinels?: readonly string[];
  /** What the sentinels call the master. */
  master?: string;
  /** Instead of the user in the sentinels' URLs. Of the sentinels alone. */
  sentinelUsername?: string | undefined;
  /** Instead of the password in the sentinels' URLs; as `password`, but of the sentinels alone. */
  sentinelPassword?: string | PasswordFunction | undefined;
  /** Instead of the user in the URL. Behind sentinels: of the master. */
  username?: string | undefined;
  /**
   * Instead of the password in the URL: itself, or a function that gives it. The function is called for each new
   * connection, so that a token that expires is replaced; checks that wait for it go by their deadline and
   * `onStoreError`. Limiters share a connection if they are given the same function.
   */
  password?: string | PasswordFunction | undefined;
  /** Instead of the database in the URL: a whole number >= 0. A cluster has only 0. */
  database?: number | undefined;
  /** Given: with TLS, to all servers, whatever the URLs begin with. */
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

/** How other clients name it, and where it goes here. */
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
   * A client of ioredis, iovalkey or node-redis, a cluster's too. It stays yours: connecting, reconnecting and closing
   * are its own business, TLS and passwords its own options. Limiters over one client share their batches.
   */
  client: RedisClient;
}
