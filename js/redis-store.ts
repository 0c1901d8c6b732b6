// redis(): where state lives in Redis.

import { checkOptionNames, refuseSecond, typeError, unknownOption, withheld } from './errors.js';
import type { NativeGateway, NativeServers } from './native.js';
import { isClient, type RedisClient } from './own-client.js';
import { ownOptions } from './own-options.js';
import type { PasswordFunction } from './passwords.js';
import { readServers, type Servers } from './redis-servers.js';
import type { RedisTlsOptions } from './redis-tls.js';
import { type Relay, relayOf } from './relay.js';

export type { IoredisClient, NodeRedisClient, RedisClient } from './own-client.js';
export type { PasswordFunction } from './passwords.js';
export type { Pem, RedisTlsOptions } from './redis-tls.js';

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
const OPTIONS: Readonly<Record<keyof RedisOptions, true>> = {
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
function checkNames(options: object): void {
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

/** State in Redis. Made by `redis()`. */
export class RedisStore {
  readonly kind = 'redis';
  /**
   * Without credentials: the server's `host:port`, or `unix:/path`; of a cluster, those of the nodes that were given;
   * behind sentinels, `master of` those of the sentinels.
   */
  readonly address: string;
  readonly #way: Servers | Relay;

  /** @internal */
  constructor(way: Servers | Relay) {
    this.address = way.address;
    this.#way = way;
  }

  /** Names the servers and the database, or the client. @internal */
  get scope(): string {
    const way = this.#way;
    if ('gateway' in way) return way.id;
    const { servers, node } = way.native;
    return `${this.address}/${(node ?? servers[0]!).database}`;
  }

  /** Names the servers and the database, in all threads and over whatever client, as far as that says. @internal */
  get server(): string {
    const way = this.#way;
    return 'gateway' in way ? (way.server ?? way.id) : this.scope;
  }

  /** Whether the keys of a check have to share a slot. @internal */
  get isCluster(): boolean {
    const way = this.#way;
    return 'gateway' in way ? way.cluster : way.native.mode === 'cluster';
  }

  /** The way through a client that is not ours. @internal */
  get relay(): Relay | undefined {
    return 'gateway' in this.#way ? this.#way : undefined;
  }

  /** What native code makes a limiter with. @internal */
  way(): { servers: NativeServers } | { gateway: NativeGateway } {
    const way = this.#way;
    return 'gateway' in way ? { gateway: way.gateway } : { servers: way.native };
  }
}

/** What is `undefined` counts as left out. With nothing else to go by, it was to be a client. */
function isOverClient(options: RedisOptions | RedisClientOptions): options is RedisClientOptions {
  if (!('client' in options)) return false;
  const { client, url, nodes, sentinels } = options;
  return client !== undefined || (url ?? nodes ?? sentinels) === undefined;
}

function overClient(options: RedisClientOptions): RedisStore {
  const given = Object.keys(options).filter((name) => options[name as never] !== undefined);
  const other = given.find((name) => Object.hasOwn(OPTIONS, name));
  if (other !== undefined) {
    const expected = "left out beside 'client', which has its own";
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      `redis.${other}`,
      withheld(options[other as never]),
      expected,
    );
  }
  checkNames(options);
  return new RedisStore(relayOf(options.client));
}

/**
 * Keeps state in Redis (6.2 or newer, or Valkey): one server, a cluster, or the master that sentinels name. The
 * connections are made by the first limiter that uses them, and shared by all limiters and threads of the process that
 * name the same servers and credentials.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_REDIS_URL` or `ERR_SLUICE_OPTIONS`, saying which part is wrong;
 *   never with the password
 */
export function redis(options: string | RedisOptions | RedisClientOptions): RedisStore;
export function redis(
  options: string | RedisOptions | RedisClientOptions,
  second?: unknown,
): RedisStore {
  refuseSecond(second, 'redis', 'redis({ url, username, password, database, tls })');
  if (typeof options === 'string') {
    return new RedisStore(readServers(ownOptions<RedisOptions>({ url: options })));
  }
  const isUrl = options instanceof URL;
  if (typeof options !== 'object' || options === null || Array.isArray(options) || isUrl) {
    const expected = 'given a URL, as a string, or an object of options';
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      'redis',
      withheld(options, isUrl ? 'an object: its href is a string' : undefined),
      expected,
    );
  }
  if (isClient(options)) {
    const expected = 'given a client as { client }';
    throw typeError('ERR_SLUICE_OPTIONS', 'redis', withheld(options, 'the client'), expected);
  }
  const own = ownOptions(options);
  if (isOverClient(own)) return overClient(own);
  checkNames(own);
  return new RedisStore(readServers(own));
}
