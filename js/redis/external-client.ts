// Redis clients that people bring: what kind they are, and how a command is sent through them.

import { kindOf, typeError, withheld } from '../limiter/errors.js';

/** `Redis` or `Cluster` of ioredis (5, 6) or iovalkey. */
export interface IoredisClient {
  readonly status: string;
  createBuiltinCommand(name: string): { readonly string: unknown };
}

/** Of node-redis (4.6 and later): `createClient()`, `createClientPool()`, `createCluster()` or `createSentinel()`. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  sendCommand(...args: never[]): Promise<unknown>;
}

/** A client of ioredis, iovalkey or node-redis. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** A client as the relay uses it. */
export interface ExternalClient {
  /** Where it is connected to; without credentials. */
  readonly address: string;
  /** Names the server, its database and what stands before keys, where the client's options say so. */
  readonly server?: string | undefined;
  /** A command's keys have to share a slot. */
  readonly cluster: boolean;
  /** As far as the client says so. */
  connected(): boolean;
  /** Of a cluster: the node that the client knows to have a slot; any text that is its own. */
  nodeOf?(slot: number): string | undefined;
  /**
   * Sends a command. `waitMs`: nobody waits longer, so it need not be sent later than that. May throw and reject with
   * anything.
   */
  send(name: string, args: string[], firstKey: string, waitMs: number): Promise<unknown>;
}

/** What may be there, and is looked at, of any client. */
interface Traits {
  readonly constructor?: { readonly name?: unknown };
  readonly isPipeline?: unknown;
  readonly isCluster?: unknown;
  readonly mode?: unknown;
  readonly status?: unknown;
  readonly createBuiltinCommand?: unknown;
  readonly sendCommand?: unknown;
  readonly isOpen?: unknown;
  readonly isReady?: unknown;
  readonly isPubSubActive?: unknown;
  readonly nodeByAddress?: unknown;
  readonly slots?: unknown;
  readonly getSentinelNode?: unknown;
  readonly options?: {
    readonly host?: unknown;
    readonly port?: unknown;
    readonly path?: unknown;
    readonly sentinels?: unknown;
    readonly keyPrefix?: unknown;
    readonly db?: unknown;
    readonly database?: unknown;
    readonly legacyMode?: unknown;
    readonly RESP?: unknown;
    readonly url?: unknown;
    readonly socket?: { readonly host?: unknown; readonly port?: unknown; readonly path?: unknown };
  };
}

const EXPECTED = 'a client of ioredis, iovalkey or node-redis';

/** Never the value itself: it holds a password. */
function refusal(given: string, expected = EXPECTED): TypeError {
  return typeError('ERR_SLUICE_OPTIONS', 'redis.client', withheld(undefined, given), expected);
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return kindOf(value);
  const name = (value as Traits).constructor?.name;
  return typeof name === 'string' && name !== '' ? `an object of class ${name}` : 'an object';
}

/** "host:port" or "unix:/path" of what options say; `otherwise` if they do not. */
function addressOf(
  at: { readonly host?: unknown; readonly port?: unknown; readonly path?: unknown } | undefined,
  otherwise: string,
): string {
  if (typeof at?.path === 'string') return `unix:${at.path}`;
  if (at?.host === undefined && at?.port === undefined) return otherwise;
  const host = String(at.host ?? 'localhost');
  return `${host.includes(':') ? `[${host}]` : host}:${String(at.port ?? 6379)}`;
}

/** ExternalClient.server of a client of one server. */
function serverOf(at: Parameters<typeof addressOf>[0], database: unknown, keyPrefix: unknown = '') {
  const address = addressOf(at, '');
  return address === '' ? undefined : `${address}/${Number(database ?? 0)}${String(keyPrefix)}`;
}

/** Names the node of a cluster's slot by what stands there in the client's own map, which it may replace at any time. */
function nodesOf(
  client: Traits,
  nameOf: (entry: never) => unknown,
): Pick<ExternalClient, 'nodeOf'> {
  if (!Array.isArray(client.slots)) return {};
  return {
    nodeOf(slot) {
      const entry = (client.slots as readonly never[])[slot];
      const name = entry && nameOf(entry);
      return typeof name === 'string' ? name : undefined;
    },
  };
}

type BuiltIn = (this: unknown, args: string[]) => Promise<unknown>;

function ioredis(client: IoredisClient & Traits): ExternalClient {
  const { options } = client;
  const cluster = client.isCluster === true;
  if (client.status === 'end') throw refusal('one that was closed', `${EXPECTED} that is open`);
  if (client.mode === 'subscriber' || client.mode === 'monitor') {
    throw refusal(`one in ${client.mode} mode`, `${EXPECTED} that may send any command`);
  }
  const prefix = options?.keyPrefix;
  if (cluster && (typeof prefix === 'string' || Buffer.isBuffer(prefix)) && prefix.includes('{')) {
    throw refusal("one whose keyPrefix holds '{'", `${EXPECTED} whose keyPrefix moves no hash tag`);
  }
  // Not `call`: what enableAutoPipelining does to that is of no use here, and some versions send a script in a
  // cluster's automatic pipeline to the wrong node.
  const commands = new Map<string, BuiltIn>();
  return {
    // The nodes that have the slot, first its master.
    ...(cluster && nodesOf(client, ([master]: readonly unknown[]) => master)),
    // Behind sentinels the options still name a host, which is not asked.
    address: options?.sentinels
      ? 'an ioredis sentinel client'
      : addressOf(options, cluster ? 'an ioredis cluster' : 'an ioredis client'),
    server: cluster || options?.sentinels ? undefined : serverOf(options, options?.db, prefix),
    cluster,
    connected: () => client.status === 'ready',
    send(name, args) {
      let command = commands.get(name);
      if (command === undefined) {
        command = client.createBuiltinCommand(name).string as BuiltIn;
        commands.set(name, command);
      }
      return command.call(client, args);
    },
  };
}

interface Shard {
  readonly master?: { readonly address?: unknown };
}

/** How much later than a deadline a command is given up that still waits to be written. */
const GRACE_MS = 50;

function nodeRedis(client: NodeRedisClient & Traits): ExternalClient {
  const { options } = client;
  if (options?.legacyMode === true) {
    throw refusal('one in legacy mode', `${EXPECTED} without legacyMode`);
  }
  if (client.isPubSubActive === true && options?.RESP === 2) {
    throw refusal('one in subscriber mode', `${EXPECTED} that may send any command`);
  }
  const cluster = client.nodeByAddress instanceof Map;
  const sentinel = typeof client.getSentinelNode === 'function';
  const kind = cluster ? 'cluster' : sentinel ? 'sentinel client' : 'client';
  const sendCommand = client.sendCommand as (...args: unknown[]) => Promise<unknown>;
  const connected = () =>
    client.isReady === true || (client.isReady === undefined && client.isOpen);
  return {
    ...(cluster && nodesOf(client, (shard: Shard) => shard.master?.address)),
    address: addressOf(options?.socket, `a node-redis ${kind}`),
    server: cluster || sentinel ? undefined : serverOf(options?.socket, options?.database),
    cluster,
    connected,
    send(name, args, firstKey, waitMs) {
      const command = [name, ...args];
      // What waits for a connection is not to be executed long after its deadline.
      const late = connected() ? [] : [{ timeout: Math.ceil(waitMs) + GRACE_MS }];
      if (cluster) return sendCommand.call(client, firstKey, false, command, ...late);
      if (sentinel) return sendCommand.call(client, false, command, ...late);
      return sendCommand.call(client, command, ...late);
    },
  };
}

function isIoredis(value: object): value is IoredisClient {
  const { createBuiltinCommand, status } = value as Traits;
  return typeof createBuiltinCommand === 'function' && typeof status === 'string';
}

function isNodeRedis(value: object): value is NodeRedisClient {
  const { sendCommand, isOpen } = value as Traits;
  return typeof sendCommand === 'function' && typeof isOpen === 'boolean';
}

/** Whether it looks like a client, of whatever state. */
export function isClient(value: object): value is RedisClient {
  return isIoredis(value) || isNodeRedis(value);
}

/**
 * The client behind a value.
 *
 * @throws TypeError `ERR_SLUICE_OPTIONS` if it is none, or one that cannot be used: closed, or in subscriber mode
 */
export function readClient(value: unknown): ExternalClient {
  if (typeof value !== 'object' || value === null) throw refusal(nameOf(value));
  if ((value as Traits).isPipeline === true) throw refusal('a pipeline');
  if (isIoredis(value)) return ioredis(value);
  if (isNodeRedis(value)) return nodeRedis(value);
  throw refusal(nameOf(value));
}
