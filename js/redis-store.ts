// redis(): where state lives in a Redis server.

import { checkOptionNames, rangeError, typeError } from './errors.js';
import { type NativeEndpoint, type NativeGateway, native } from './native.js';
import type { RedisClient } from './own-client.js';
import { type PasswordFunction, passwordSource } from './passwords.js';
import { type RedisTlsOptions, readTls } from './redis-tls.js';
import { type Relay, relayOf } from './relay.js';

export type { IoredisClient, NodeRedisClient, RedisClient } from './own-client.js';
export type { PasswordFunction } from './passwords.js';
export type { Pem, RedisTlsOptions } from './redis-tls.js';

/** Options of a Redis store. */
export interface RedisOptions {
  /**
   * `redis://[[user]:password@]host[:port][/database]`; `rediss://`, the same with TLS; or
   * `redis+unix://[[user]:password@]/path[?db=database]`
   */
  url: string;
  /** Instead of the user in the URL. */
  username?: string;
  /**
   * Instead of the password in the URL: itself, or a function that gives it. The function is called for each new
   * connection, so that a token that expires is replaced; checks that wait for it go by their deadline and
   * `onStoreError`. Limiters share a connection if they are given the same function.
   */
  password?: string | PasswordFunction;
  /** Instead of the database in the URL: a whole number >= 0. */
  database?: number;
  /** Given: with TLS, whatever the URL begins with. */
  tls?: RedisTlsOptions;
}

/** Options of a Redis store over a client of yours. */
export interface RedisClientOptions {
  /**
   * A client of ioredis, iovalkey or node-redis, a cluster's too. It stays yours: connecting, reconnecting and closing
   * are its own business, TLS and passwords its own options. Limiters over one client share their batches.
   */
  client: RedisClient;
}

interface Endpoint extends NativeEndpoint {
  /** Whom `passwordSource` asks: native code does not keep it alive. */
  readonly give: PasswordFunction | undefined;
}

/** State in Redis. Made by `redis()`. */
export class RedisStore {
  readonly kind = 'redis';
  /** The server's `host:port`, or `unix:/path`; without credentials. */
  readonly address: string;
  readonly #way: Endpoint | Relay;

  /** @internal */
  constructor(address: string, way: Endpoint | Relay) {
    this.address = address;
    this.#way = way;
  }

  /** Names the server and database, or the client. @internal */
  get scope(): string {
    const way = this.#way;
    return 'gateway' in way ? way.id : `${this.address}/${way.database}`;
  }

  /** The way through a client that is not ours. @internal */
  get relay(): Relay | undefined {
    return 'gateway' in this.#way ? this.#way : undefined;
  }

  /** What native code makes a limiter with. @internal */
  way(): { endpoint: NativeEndpoint } | { gateway: NativeGateway } {
    const way = this.#way;
    return 'gateway' in way ? { gateway: way.gateway } : { endpoint: way };
  }
}

const KNOWN = ['url', 'username', 'password', 'database', 'tls'];

// No value of these options is in an error: a password may stand in the wrong one.
function readCredentials({ username, password }: RedisOptions) {
  if (username !== undefined && typeof username !== 'string') {
    throw typeError('ERR_SLUICE_OPTIONS', 'redis.username', typeof username, 'a string');
  }
  if (password === undefined || typeof password === 'string') return { username, password };
  if (typeof password !== 'function') {
    const expected = 'a string or a function that gives one';
    throw typeError('ERR_SLUICE_OPTIONS', 'redis.password', typeof password, expected);
  }
  return { username, password: '', give: password };
}

function readUrl(url: unknown) {
  if (typeof url !== 'string') {
    throw typeError('ERR_SLUICE_REDIS_URL', 'redis.url', typeof url, 'a string');
  }
  const read = native.parseRedisUrl(url);
  if (typeof read !== 'string') return read;
  // The URL itself stays out of the message: it may hold a password, also in the wrong place.
  throw Object.assign(new TypeError(`redis.url is not a Redis URL: ${read}`), {
    code: 'ERR_SLUICE_REDIS_URL',
    argument: 'redis.url',
  });
}

function overClient(options: RedisClientOptions): RedisStore {
  const other = Object.keys(options).find((name) => name !== 'client');
  if (other !== undefined && KNOWN.includes(other)) {
    const expected = "left out beside 'client', which has its own";
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      `redis.${other}`,
      typeof options[other as never],
      expected,
    );
  }
  checkOptionNames(options, [...KNOWN, 'client'], 'redis', { secret: true });
  const relay = relayOf(options.client);
  return new RedisStore(relay.address, relay);
}

/**
 * Keeps state in a Redis server (6.2 or newer, or Valkey). The connection is made by the first limiter that
 * uses it, and shared by all limiters and threads of the process that name the same server and credentials.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_REDIS_URL` or `ERR_SLUICE_OPTIONS`, saying which part is wrong;
 *   never with the password
 */
export function redis(options: string | RedisOptions | RedisClientOptions): RedisStore {
  if (typeof options === 'object' && options !== null && 'client' in options) {
    return overClient(options);
  }
  const given: RedisOptions = typeof options === 'string' ? { url: options } : options;
  checkOptionNames(given, [...KNOWN, 'client'], 'redis', { secret: true });
  const { database, tls } = given;
  const { secure, address, ...endpoint } = readUrl(given.url);
  const { username, password, give } = readCredentials(given);
  if (
    database !== undefined &&
    !(Number.isInteger(database) && database >= 0 && database < 2 ** 31)
  ) {
    throw rangeError('ERR_SLUICE_OPTIONS', 'redis.database', database, 'a whole number from 0');
  }
  if (tls !== undefined && endpoint.path !== '') {
    throw typeError('ERR_SLUICE_OPTIONS', 'redis.tls', typeof tls, 'left out for a unix socket');
  }
  return new RedisStore(address, {
    ...endpoint,
    user: username ?? endpoint.user,
    password: password ?? endpoint.password,
    passwordSource: give && passwordSource(give),
    give,
    database: database ?? endpoint.database,
    tls: secure || tls !== undefined ? readTls(tls === undefined ? {} : tls) : undefined,
  });
}
