// The servers of redis(): one, nodes of a cluster, or sentinels.

import { argumentError, rangeError, typeError, wholeNumber, withheld } from '../limiter/errors.js';
import type { NativeEndpoint, NativeServers } from '../native.js';
import type { RedisOptions } from './options.js';
import { type PasswordFunction, passwordSource } from './passwords.js';
import { readTls } from './tls.js';
import type { Transport } from './transport.js';
import { addressOf, parseUrl, type RedisUrl } from './url.js';

export interface Servers extends Transport {
  /** The password functions; native code does not keep them alive. */
  readonly give: readonly PasswordFunction[];
}

const SENTINEL_PORT = 26379;

// No error shows a value of these options: a password may be in the wrong one.
function refuse(argument: string, value: unknown, expected: string): TypeError {
  return typeError('ERR_SLUICE_OPTIONS', argument, withheld(value), expected);
}

function readUrl(url: unknown, argument: string, port = 6379): RedisUrl {
  if (typeof url !== 'string') {
    throw typeError('ERR_SLUICE_REDIS_URL', argument, withheld(url), 'a URL, as a string');
  }
  // The message leaves out the URL itself: it may hold a password, even in the wrong place.
  const refusal = (reason: string) => {
    const message = `${argument} is not a Redis URL: ${reason}`;
    return argumentError(TypeError, 'ERR_SLUICE_REDIS_URL', argument, message);
  };
  if (url.trim() !== url) throw refusal('it begins or ends with white space');
  return parseUrl(url, port, refusal);
}

/** Reads the URLs of servers that share their credentials. */
function readUrls(urls: unknown, argument: string, port?: number): RedisUrl[] {
  if (!Array.isArray(urls)) throw refuse(argument, urls, 'a list of URLs');
  if (urls.length === 0) throw refuse(argument, urls, 'given at least one URL');
  const read = urls.map((url, i) => readUrl(url, `${argument}[${i}]`, port));
  const [first] = read as [RedisUrl];
  for (const [i, { path, user, password, secure, database }] of read.entries()) {
    const where = `${argument}[${i}]`;
    if (path !== '') throw refuse(where, urls[i], 'a server with a port, not a unix socket');
    if (database !== 0) throw refuse(where, urls[i], 'without a database');
    if (user !== first.user || password !== first.password) {
      throw refuse(where, urls[i], 'of the same user and password as the others');
    }
    if (secure !== first.secure)
      throw refuse(where, urls[i], 'redis:// or rediss:// as the others');
  }
  return read;
}

interface Login {
  readonly user: string;
  readonly password: string;
  readonly give: PasswordFunction | undefined;
}

function readLogin(
  username: unknown,
  password: unknown,
  names: readonly [string, string],
  url: Pick<RedisUrl, 'user' | 'password'>,
): Login {
  if (username !== undefined && typeof username !== 'string') {
    throw refuse(names[0], username, 'a string');
  }
  const user = username ?? url.user;
  if (typeof password === 'function') {
    return { user, password: '', give: password as PasswordFunction };
  }
  if (password !== undefined && typeof password !== 'string') {
    throw refuse(names[1], password, 'a string or a function that gives one');
  }
  return { user, password: password ?? url.password, give: undefined };
}

function readDatabase(database: unknown): number | undefined {
  if (database === undefined) return undefined;
  // Text may be a password in the wrong place.
  const shown = typeof database === 'number' ? database : withheld(database);
  return wholeNumber('ERR_SLUICE_OPTIONS', 'redis.database', shown, 0, 2 ** 31 - 1);
}

/** The mode that the options imply. */
function readMode(options: RedisOptions): NativeServers['mode'] {
  const { url, nodes, cluster, sentinels, master } = options;
  const given = { url, nodes, sentinels };
  const names = (Object.keys(given) as (keyof typeof given)[]).filter(
    (name) => given[name] !== undefined,
  );
  if (names.length === 0) {
    const expected =
      "a URL, as a string (or give 'nodes' and cluster: true, or 'sentinels' and 'master')";
    throw typeError('ERR_SLUICE_REDIS_URL', 'redis.url', undefined, expected);
  }
  if (names.length > 1) {
    throw refuse(`redis.${names[1]}`, given[names[1]!], `left out beside '${names[0]}'`);
  }
  if (cluster !== undefined && typeof cluster !== 'boolean') {
    throw refuse('redis.cluster', cluster, 'true or false');
  }
  for (const name of ['master', 'sentinelUsername', 'sentinelPassword'] as const) {
    if (options[name] === undefined || sentinels !== undefined) continue;
    throw refuse(`redis.${name}`, options[name], "left out without 'sentinels'");
  }
  if (sentinels !== undefined) {
    if (cluster) throw refuse('redis.cluster', cluster, "left out beside 'sentinels'");
    if (typeof master === 'string' && master !== '') return 'sentinel';
    throw refuse('redis.master', master, 'the name that the sentinels have for the master');
  }
  if (nodes !== undefined && !cluster) {
    throw refuse('redis.cluster', cluster, "true: 'nodes' are those of a cluster");
  }
  return cluster ? 'cluster' : 'single';
}

/** @throws TypeError or RangeError, never with a password */
export function readServers(options: RedisOptions): Servers {
  const mode = readMode(options);
  const sentinel = mode === 'sentinel';
  const urls = sentinel
    ? readUrls(options.sentinels, 'redis.sentinels', SENTINEL_PORT)
    : options.nodes !== undefined
      ? readUrls(options.nodes, 'redis.nodes')
      : [readUrl(options.url, 'redis.url')];
  const [first] = urls as [RedisUrl];
  const { username, password, sentinelUsername, sentinelPassword, tls } = options;
  // A sentinel's URL has the credentials of the sentinels.
  const own = sentinel ? { user: '', password: '' } : first;
  const login = readLogin(username, password, ['redis.username', 'redis.password'], own);
  const names = ['redis.sentinelUsername', 'redis.sentinelPassword'] as const;
  const sentinelLogin = readLogin(sentinelUsername, sentinelPassword, names, first);
  const database = readDatabase(options.database) ?? first.database;
  if (mode === 'cluster') {
    if (database !== 0) {
      throw rangeError(
        'ERR_SLUICE_OPTIONS',
        'redis.database',
        database,
        '0: a cluster has no other',
      );
    }
    if (first.path !== '') throw refuse('redis.url', options.url, 'no unix socket of a cluster');
  }
  if (tls !== undefined && first.path !== '') {
    throw refuse('redis.tls', tls, 'left out for a unix socket');
  }
  const secure = first.secure || tls !== undefined;
  const nativeTls = secure ? readTls(tls === undefined ? {} : tls) : undefined;
  const endpoint = (
    { host, port, path }: Pick<RedisUrl, 'host' | 'port' | 'path'>,
    { user, password, give }: Login,
    database: number,
  ): NativeEndpoint => ({
    host,
    port,
    path,
    user,
    password,
    passwordSource: give && passwordSource(give),
    database,
    tls: nativeTls,
  });
  const addresses = [...new Set(urls.map(addressOf))].sort().join(', ');
  const give = [login.give, sentinel ? sentinelLogin.give : undefined].filter(
    (one) => one !== undefined,
  );
  const nowhere = { host: '', port: 0, path: '' };
  const transport = (address: string, servers: NativeServers): Servers => {
    const scope = `${address}/${database}`;
    const isCluster = mode === 'cluster';
    return { address, scope, server: scope, isCluster, native: { servers }, give };
  };
  if (sentinel) {
    const { master } = options as { master: string };
    const servers = urls.map((url) => endpoint(url, sentinelLogin, 0));
    const node = endpoint(nowhere, login, database);
    return transport(`${master} of ${addresses}`, { mode, servers, node, master });
  }
  const servers = urls.map((url) => endpoint(url, login, database));
  const node = mode === 'cluster' ? { node: endpoint(nowhere, login, 0) } : {};
  return transport(addresses, { mode, servers, ...node });
}
