// The seam to C++: the only importer of the addon, and the types of all that it exports.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nativeFailure } from './limiter/native-failure.js';
import type { RedisNodeStats, RedisWarning } from './limiter/stats.js';
import type { RedisFault } from './limiter/types.js';

/** A memory store, held by native code. */
export interface NativeStore {
  readonly native: unique symbol;
}

/** See ReadPolicy in native/addon/values.h. */
export type NativePolicy = readonly [
  name: string,
  algorithm: string,
  limit: number,
  rate: number,
  spanUs: number,
  mode: number,
  blockForUs: number,
  chargeDenied: boolean,
  enforce: boolean,
];

/** One key for all policies, or one for each. */
export type NativeKeys = string | readonly string[];

/** What a limiter is asked. As Operation::Kind in native/core. */
export const enum Kind {
  Check = 0,
  Peek = 1,
  Reset = 2,
  Debit = 3,
  Credit = 4,
  Abort = 5,
  Release = 6,
  Renew = 7,
  Block = 8,
  Unblock = 9,
}

/** Checks and peeks answer with a code and leave a verdict in `exchange`; see native/addon/environment.h. */
export interface NativeMemoryLimiter {
  /** One cost for all policies, default 1; without `nowUs`, or below 0, it is the time of the machine's clock. */
  check(key: string, cost?: number, nowUs?: number): number;
  peek(key: string, cost?: number, nowUs?: number): number;
  /** A call that stands in `exchange`. Answers a check's code, or -3 for an id reused; whether slots were held; of an abort whether nobody waits behind it; or 0. */
  act(kind: Kind, keys: NativeKeys, nowUs: number, holder?: string, id?: string): number;
}

/** Certificates and keys that have been read, held by native code. */
export interface NativeTls {
  readonly tls: unique symbol;
}

/** Who is asked for a password, held by native code. */
export interface NativePasswordSource {
  readonly source: unique symbol;
}

export interface NativeEndpoint {
  readonly host: string;
  readonly port: number;
  /** Of a unix socket, in place of host and port; or empty. */
  readonly path: string;
  readonly user: string;
  readonly password: string;
  /** In place of `password`. */
  readonly passwordSource: NativePasswordSource | undefined;
  readonly database: number;
  readonly tls: NativeTls | undefined;
}

/** As redis::ServerSet in native/redis. */
export interface NativeServers {
  readonly mode: 'single' | 'cluster' | 'sentinel';
  readonly servers: readonly NativeEndpoint[];
  /** How to be let in by servers that others name; their addresses do not stand here. */
  readonly node?: NativeEndpoint;
  readonly master?: string;
}

/** What a URL says. */
export interface NativeUrl extends Omit<NativeEndpoint, 'passwordSource' | 'tls'> {
  /** Without credentials. */
  readonly address: string;
  /** It wants TLS. */
  readonly secure: boolean;
}

/** Who answers, held by native code. */
export interface NativeGateway {
  readonly gateway: unique symbol;
}

/** A command for a client, the arguments' index of the first key, and for how long someone waits for the reply. */
export type NativeCommand = readonly [
  id: number,
  name: string,
  args: string[],
  firstKey: number,
  waitMs: number,
];

/** The way through a client that is not ours; see native/addon/relay_binding.h. */
export interface NativeRelay {
  readonly gateway: NativeGateway;
  /** Where `mapsSlots`: the slots of what has come up; to be asked for, and answered by route(), before take(). */
  slots(): number[] | undefined;
  /** For each of these slots, a number of the node that has it. */
  route(nodes: readonly number[]): void;
  take(): NativeCommand[] | undefined;
  reply(id: number, value: unknown): void;
  fail(id: number, why: string): void;
  /** In how many ms onTime() is to be called. */
  due(): number;
  onTime(): void;
}

export interface NativeRedisLimiter {
  /**
   * Queues a question; `ticket` comes back with its answer. `cost`: one for all policies; below 0, a call stands in
   * `exchange`.
   */
  ask(
    kind: Kind,
    keys: NativeKeys,
    cost: number,
    ticket: number,
    holder?: string,
    shard?: string,
    id?: string,
  ): void;
  /** Sends what is queued. */
  flush(): void;
  /** First what came to no server, or to one that is gone. */
  stats(): [others: RedisNodeStats, ...nodes: RedisNodeStats[]] | undefined;
  close(): void;
}

/** A policy's name, and a text that differs where its numbers do. */
export type PolicyNumbers = readonly [name: string, text: string];

export interface NativeAddon {
  /** How numbers cross, so that nothing has to be allocated for them. */
  readonly exchange: Float64Array;
  readonly maxPolicies: number;
  /** What js/redis/engine.ts keeps here. */
  pending?: unknown[];
  /** Texts of the fault numbers. */
  readonly redisFaults: readonly (RedisFault | 'cross-slot')[];
  /** Why its numbers are refused: the number of a PolicyFault, 0 if they are not. */
  policyFault(policy: NativePolicy): number;
  largestLimit(policy: NativePolicy): number;
  /** What the names of its states in Redis end in. */
  stateTag(policy: NativePolicy): string;
  /**
   * A function that gives the claims up; or the index of the name that another limiter describes otherwise, with the
   * description and the place of that limiter.
   */
  claimPolicies(
    scope: string,
    claims: readonly PolicyNumbers[],
    place: string,
  ): (() => void) | readonly [index: number, description: string, place: string];
  /** `undefined` if that name is open with other options. */
  openMemoryStore(
    name: string | undefined,
    maxKeys: number,
    externalClock: boolean,
    /** What an external clock lacks to 1970. */
    wallOffsetUs: number,
  ): NativeStore | undefined;
  memoryStoreStats(store: NativeStore): [keys: number, capacity: number, evicted: number];
  makeMemoryLimiter(
    store: NativeStore,
    policies: readonly NativePolicy[],
    prefix: string,
    idScope: string,
    plan: string,
  ): NativeMemoryLimiter;
  /** What js/redis/passwords.ts keeps here. */
  passwordFunctions?: Map<number, unknown>;
  /** What the URL says, or why it was refused. */
  parseRedisUrl(url: string, defaultPort: number): NativeUrl | string;
  /** PEM texts, or empty ones. Else the name of the option at fault, and why. */
  makeTls(options: {
    ca: string;
    cert: string;
    key: string;
    passphrase: string;
    servername: string;
    verify: boolean;
  }): NativeTls | readonly [name: string, reason: string];
  makePasswordSource(id: number): NativePasswordSource;
  /** `receiver` has to see to it that each ticket is answered, and must not throw. */
  onPasswordWanted(receiver: (id: number, ticket: number) => void): void;
  answerPassword(ticket: number, password: string | undefined, why: string | undefined): void;
  /** What js/redis/relay.ts keeps here. */
  relays?: WeakMap<object, unknown>;
  /** `mapsSlots`: the client of a cluster knows which node has a slot. */
  makeRelay(address: string, cluster: boolean, mapsSlots: boolean): NativeRelay;
  makeRedisLimiter(options: {
    /** Where the servers are; or, instead, `gateway`. */
    servers?: NativeServers;
    gateway?: NativeGateway;
    policies: readonly NativePolicy[];
    prefix: string;
    onStoreError: number;
    /** `policies` at `localShare` of their limits and rates. */
    localPolicies: readonly NativePolicy[];
    localShare: number;
    deadlineUs: number;
    denialCache: boolean;
    idScope: string;
    plan: string;
    description: string;
    /** Compared with what other processes say of these policies. */
    numbers: readonly PolicyNumbers[];
    /** Names the store of `localPolicies` in all threads. */
    localStore: string;
    maxKeys: number;
  }): NativeRedisLimiter;
  /**
   * Answers stand in `exchange`, one behind the other: `[ticket, fault]` and a verdict; or, in place of its code and
   * all behind it, -1 for none, -2 for yes (slots that were all held, an abort that nobody waits behind), -3 for an id reused.
   */
  onAnswers(receiver: (count: number, details: string[] | undefined) => void): void;
  onBreaker(receiver: (address: string, state: RedisNodeStats['breaker']) => void): void;
  onWarning(
    receiver: (address: string, warning: RedisWarning['warning'], detail: string) => void,
  ): void;
}

const platform = `${process.platform}-${process.arch}`;
// The package's folder. An ECMAScript module that a bundler wrote has no __dirname.
const root = typeof __dirname === 'string' ? join(__dirname, '..') : undefined;

function load(): NativeAddon {
  try {
    // Bundlers and file tracers find a binary by a literal path alone.
    switch (platform) {
      case 'linux-x64':
        return require('../prebuilds/linux-x64/sluice.node');
      case 'linux-arm64':
        return require('../prebuilds/linux-arm64/sluice.node');
      case 'darwin-x64':
        return require('../prebuilds/darwin-x64/sluice.node');
      case 'darwin-arm64':
        return require('../prebuilds/darwin-arm64/sluice.node');
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') {
      throw nativeFailure({ root, platform, error });
    }
  }
  return loadBuilt();
}

/** Loads what this system has built: the addon of a platform that `load` does not name, or of a checkout. */
function loadBuilt(): NativeAddon {
  let failure: unknown;
  if (root) {
    const files = [
      join(root, 'prebuilds', platform, 'sluice.node'),
      join(root, 'build', 'release', 'native', 'addon', 'sluice.node'),
    ];
    const file = files.find((name) => existsSync(name));
    try {
      if (file) return createRequire(__filename)(file);
    } catch (error) {
      failure = error;
    }
  }
  throw nativeFailure({ root, platform, error: failure });
}

export const native = load();
