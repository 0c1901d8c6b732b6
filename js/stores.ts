// Stores: where state lives. They are values; a limiter is what uses them.

import { type Clock, wallOffsetUs } from './clock.js';
import { checkOptionNames, rangeError, SluiceError, typeError } from './errors.js';
import { type NativeEndpoint, type NativeStore, native } from './native.js';

/** Options of a memory store. */
export interface MemoryOptions {
  /**
   * Stores of one name are one store, in all threads of the process, as long as any of them is in use.
   * Without a name, each call makes a store of its own.
   */
  name?: string;
  /**
   * The most keys (times policies) remembered: a whole number from 1 to 2^32, default 1,000,000. A new key
   * then takes the place of one that has expired, or of the least used of some near it, denied ones last.
   */
  maxKeys?: number;
  /** For tests: `manualClock()` or `dateClock()` of 'sluice/testing'. Default: the monotonic clock. */
  clock?: Clock;
}

/** State in this process. Made by `memory()`. */
export class MemoryStore {
  readonly kind = 'memory';
  /** @internal */
  readonly native: NativeStore;
  /** @internal */
  readonly clock: Clock | undefined;

  /** @internal */
  constructor(store: NativeStore, clock: Clock | undefined) {
    this.native = store;
    this.clock = clock;
    Object.defineProperty(this, 'native', { enumerable: false });
  }
}

const MOST_KEYS = 2 ** 32;

/**
 * Keeps state in this process.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_OPTIONS` for options that cannot be used;
 *   `ERR_SLUICE_STORE_CLASH` if a store of that name is open with other options
 */
export function memory(options: MemoryOptions = {}): MemoryStore {
  checkOptionNames(options, ['name', 'maxKeys', 'clock'], 'memory');
  const { name, maxKeys = 1_000_000, clock } = options;
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw typeError('ERR_SLUICE_OPTIONS', 'memory.name', name, 'a string that is not empty');
  }
  if (typeof maxKeys !== 'number') {
    throw typeError('ERR_SLUICE_OPTIONS', 'memory.maxKeys', maxKeys, 'a number');
  }
  if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > MOST_KEYS) {
    throw rangeError(
      'ERR_SLUICE_OPTIONS',
      'memory.maxKeys',
      maxKeys,
      'a whole number from 1 to 2^32',
    );
  }
  if (clock !== undefined && typeof clock?.now !== 'function') {
    throw typeError('ERR_SLUICE_OPTIONS', 'memory.clock', clock, 'an object with a function now()');
  }
  const store = native.openMemoryStore(
    name,
    maxKeys,
    clock !== undefined,
    clock === undefined ? wallOffsetUs() : 0,
  );
  if (store === undefined) {
    throw new SluiceError(
      'ERR_SLUICE_STORE_CLASH',
      `a memory store named '${name}' is open with another maxKeys or kind of clock`,
    );
  }
  return new MemoryStore(store, clock);
}

/** Options of a Redis store. */
export interface RedisOptions {
  /** `redis://[[user]:password@]host[:port][/database]` */
  url: string;
  /** Instead of the user in the URL. */
  username?: string;
  /** Instead of the password in the URL. */
  password?: string;
  /** Instead of the database in the URL: a whole number >= 0. */
  database?: number;
}

/** State in Redis. Made by `redis()`. */
export class RedisStore {
  readonly kind = 'redis';
  /** The server's `host:port`, without credentials. */
  readonly address: string;
  readonly #endpoint: NativeEndpoint;

  /** @internal */
  constructor(endpoint: NativeEndpoint) {
    this.#endpoint = endpoint;
    const { host, port } = endpoint;
    this.address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** Names the server and database. @internal */
  get scope(): string {
    return `${this.address}/${this.#endpoint.database}`;
  }

  /** @internal */
  endpoint(): NativeEndpoint {
    return this.#endpoint;
  }
}

/**
 * Keeps state in a Redis server (6.2 or newer, or Valkey). The connection is made by the first limiter that
 * uses it, and shared by all limiters and threads of the process that name the same server and credentials.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_REDIS_URL` or `ERR_SLUICE_OPTIONS`, saying which part is wrong;
 *   never with the password
 */
export function redis(options: string | RedisOptions): RedisStore {
  const given: RedisOptions = typeof options === 'string' ? { url: options } : options;
  checkOptionNames(given, ['url', 'username', 'password', 'database'], 'redis');
  const { url, username, password, database } = given;
  if (typeof url !== 'string')
    throw typeError('ERR_SLUICE_REDIS_URL', 'redis.url', url, 'a string');
  const endpoint = native.parseRedisUrl(url);
  if (typeof endpoint === 'string') {
    // The URL itself stays out of the message: it may hold a password, also in the wrong place.
    throw Object.assign(new TypeError(`redis.url is not a Redis URL: ${endpoint}`), {
      code: 'ERR_SLUICE_REDIS_URL',
      argument: 'redis.url',
    });
  }
  for (const [name, value] of Object.entries({ username, password })) {
    if (value !== undefined && typeof value !== 'string') {
      throw typeError('ERR_SLUICE_OPTIONS', `redis.${name}`, typeof value, 'a string');
    }
  }
  if (
    database !== undefined &&
    !(Number.isInteger(database) && database >= 0 && database < 2 ** 31)
  ) {
    throw rangeError('ERR_SLUICE_OPTIONS', 'redis.database', database, 'a whole number from 0');
  }
  return new RedisStore({
    ...endpoint,
    user: username ?? endpoint.user,
    password: password ?? endpoint.password,
    database: database ?? endpoint.database,
  });
}
