// redis(): a store in Redis.

import { refuseSecond, typeError, withheld } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import type { NativeBackend, NativeServers } from '../native.js';
import { type ClientSession, clientSessionOf } from './client-session.js';
import { isClient } from './external-client.js';
import { checkNames, OPTIONS, type RedisClientOptions, type RedisOptions } from './options.js';
import { readServers, type Servers } from './servers.js';

/** State in Redis. Made by `redis()`. */
export class RedisStore {
  readonly kind = 'redis';
  /**
   * Without credentials: the server's `host:port`, or `unix:/path`; for a cluster, the given nodes; behind sentinels,
   * `master of` the given sentinels.
   */
  readonly address: string;
  readonly #transport: Servers | ClientSession;

  /** @internal */
  constructor(transport: Servers | ClientSession) {
    this.address = transport.address;
    this.#transport = transport;
  }

  /** Identifies the servers and the database, or the client. @internal */
  get scope(): string {
    const transport = this.#transport;
    if ('backend' in transport) return transport.id;
    const { servers, node } = transport.native;
    return `${this.address}/${(node ?? servers[0]!).database}`;
  }

  /** Identifies the servers and the database, in all threads and over any client, if known. @internal */
  get server(): string {
    const transport = this.#transport;
    return 'backend' in transport ? (transport.server ?? transport.id) : this.scope;
  }

  /** Whether the keys of a check must share a slot. @internal */
  get isCluster(): boolean {
    const transport = this.#transport;
    return 'backend' in transport ? transport.cluster : transport.native.mode === 'cluster';
  }

  /** The session with a user's client. @internal */
  get session(): ClientSession | undefined {
    return 'backend' in this.#transport ? this.#transport : undefined;
  }

  /** The servers or the session, for native code. @internal */
  get backend(): { servers: NativeServers } | { backend: NativeBackend } {
    const transport = this.#transport;
    return 'backend' in transport ? { backend: transport.backend } : { servers: transport.native };
  }
}

/** `undefined` options count as missing. Without any other, the user meant a client. */
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
  return new RedisStore(clientSessionOf(options.client));
}

/**
 * Keeps state in Redis (6.2 or newer, or Valkey): one server, a cluster, or the master behind sentinels. The first
 * limiter opens the connections. All limiters and threads of the process with the same servers and credentials share
 * them.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_REDIS_URL` or `ERR_SLUICE_OPTIONS` with the wrong part, never with the
 *   password
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
