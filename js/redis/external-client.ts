// Redis clients of users: their kinds, and how to send a command through them.

import { kindOf, typeError, withheld } from '../limiter/errors.js';

/** `Redis` or `Cluster` of ioredis (5, 6) or iovalkey. */
export interface IoredisClient {
  /** The state of its connection: 'ready' when it takes commands. */
  readonly status: string;
  /** Sluice recognises the client by this method. */
  createBuiltinCommand(name: string): { readonly string: unknown };
}

/** A client of node-redis (4.6 and later): `createClient()`, `createClientPool()`, `createCluster()` or `createSentinel()`. */
export interface NodeRedisClient {
  /** Whether it has been connected. */
  readonly isOpen: boolean;
  /** Sluice sends its commands by this method. */
  sendCommand(...args: never[]): Promise<unknown>;
}

/** A client of ioredis, iovalkey or node-redis. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** A client, as its session uses it. */
export interface ExternalClient {
  /** The address of its connection, without credentials. */
  readonly address: string;
  /** Identifies the server, its database and the key prefix, if the client's options contain them. */
  readonly server?: string | undefined;
  /** Whether a command's keys must share a slot. */
  readonly cluster: boolean;
  /** By the client's own word. */
  connected(): boolean;
  /** For a cluster: a text that identifies the node which the client knows to have a slot. */
  nodeOf?(slot: number): string | undefined;
  /**
   * Sends a command. `waitMs`: the longest wait of a caller, so it need not be sent later than that. May throw and
   * reject with anything.
   */
  send(name: string, args: string[], firstKey: string, waitMs: number): Promise<unknown>;
}

/** The properties to inspect; any client may have them. */
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

/** "host:port" or "unix:/path" from the client's options; `otherwise` without them. */
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

/** Names the node of a cluster's slot by its entry in the client's own map, which the client may replace at any time. */
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
  // Not `call`: enableAutoPipelining does not help it, and some versions send a script in a cluster's automatic
  // pipeline to the wrong node.
  const commands = new Map<string, BuiltIn>();
  return {
    // The nodes with the slot, its master first.
    ...(cluster && nodesOf(client, ([master]: readonly unknown[]) => master)),
    // Behind sentinels the options still name a host, which is not used.
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

/** The time after its deadline when an unwritten command is dropped. */
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
      // A command that waits for a connection must not run long after its deadline.
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

/** Whether it looks like a client, in any state. */
export function isClient(value: object): value is RedisClient {
  return isIoredis(value) || isNodeRedis(value);
}

/**
 * The client in a value.
 *
 * @throws TypeError `ERR_SLUICE_OPTIONS` if it is not a client, or one that cannot be used: closed, or in subscriber
 *   mode
 */
export function readClient(value: unknown): ExternalClient {
  if (typeof value !== 'object' || value === null) throw refusal(nameOf(value));
  if ((value as Traits).isPipeline === true) throw refusal('a pipeline');
  if (isIoredis(value)) return ioredis(value);
  if (isNodeRedis(value)) return nodeRedis(value);
  throw refusal(nameOf(value));
}
