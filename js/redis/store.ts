// redis(): a store in Redis.

import { refuseSecond, typeError, withheld } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import { clientSessionOf } from './client-session.js';
import { isClient } from './external-client.js';
import { checkNames, OPTIONS, type RedisClientOptions, type RedisOptions } from './options.js';
import { readServers } from './servers.js';
import type { Transport } from './transport.js';

/** State in Redis. Made by `redis()`. */
export class RedisStore {
  /** Tells the kinds of stores apart. */
  readonly kind = 'redis';
  /**
   * Without credentials: the server's `host:port`, or `unix:/path`; for a cluster, the given nodes; behind sentinels,
   * `master of` the given sentinels.
   */
  readonly address: string;
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.address = transport.address;
    this.#transport = transport;
  }

  /** Not a property of the store: a copy or a log would show passwords. @internal */
  get transport(): Transport {
    return this.#transport;
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
 * @example
 * import { createLimiter, redis, tokenBucket } from 'sluice';
 *
 * const limiter = createLimiter({
 *   policies: { burst: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) },
 *   store: redis(process.env.REDIS_URL ?? 'redis://localhost:6379'),
 *   prefix: 'my-api',
 * });
 * await limiter.ready({ timeoutMs: 5000 });
 * const { allowed } = await limiter.check('user:42');
 * await limiter.close();
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
