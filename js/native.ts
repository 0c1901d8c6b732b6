// The interface to C++: the types of the addon's exports, and the choice of the binary. Only js/platforms imports one.

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nativeFailure } from './limiter/native-failure.js';
import type { RedisNodeStats, RedisWarning } from './limiter/stats.js';
import type { RedisFault } from './limiter/types.js';
import type { Loaded } from './platforms/loaded.js';

/** A memory store, held by native code. */
export interface NativeStore {
  readonly native: unique symbol;
}

/** See ReadPolicy in native/addon/values.h. */
export type NativePolicy = readonly [
  name: string,
  algorithm: string,
  /** As FromNumbers of the algorithm's class in native/core takes them. */
  numbers: readonly number[],
  blockForUs: number,
  chargeDenied: boolean,
  enforce: boolean,
];

/** One key for all policies, or one for each. */
export type NativeKeys = string | readonly string[];

/** The kinds of operations, as Operation::Kind in native/core. */
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
  Reserve = 10,
  Extend = 11,
  Checkpoint = 12,
  Settle = 13,
  Cancel = 14,
}

/** A limiter over a memory store, held by native code as long as this object exists. */
export interface NativeMemoryLimiter {
  /** Names it in calls. */
  readonly index: number;
}

/** Certificates and keys that have been read, held by native code. */
export interface NativeTls {
  readonly tls: unique symbol;
}

/** A source of passwords, held by native code. */
export interface NativePasswordSource {
  readonly source: unique symbol;
}

export interface NativeEndpoint {
  readonly host: string;
  readonly port: number;
  /** The path of a unix socket, instead of host and port; or empty. */
  readonly path: string;
  readonly user: string;
  readonly password: string;
  /** Instead of `password`. */
  readonly passwordSource: NativePasswordSource | undefined;
  readonly database: number;
  readonly tls: NativeTls | undefined;
}

/** As redis::ServerSet in native/redis. */
export interface NativeServers {
  readonly mode: 'single' | 'cluster' | 'sentinel';
  readonly servers: readonly NativeEndpoint[];
  /** The credentials for servers that other servers name, without an address. */
  readonly node?: NativeEndpoint;
  readonly master?: string;
}

/** A backend, held by native code. */
export interface NativeBackend {
  readonly backend: unique symbol;
}

/** A command for a client, the arguments' index of the first key, and the longest wait of a caller for the reply. */
export type NativeCommand = readonly [
  id: number,
  name: string,
  args: string[],
  firstKey: number,
  waitMs: number,
];

/** The session with a user's client; see native/addon/client_session_binding.h. */
export interface NativeClientSession {
  readonly backend: NativeBackend;
  /** With `mapsSlots`: the slots of the new commands. Call it, and answer by route(), before take(). */
  slots(): number[] | undefined;
  /** For each of these slots, the number of its node. */
  route(nodes: readonly number[]): void;
  take(): NativeCommand[] | undefined;
  reply(id: number, value: unknown): void;
  fail(id: number, why: string): void;
  /** The ms until the next call of onTime(). */
  due(): number;
  onTime(): void;
}

export interface NativeRedisLimiter {
  /**
   * Returns the code of the answer, whose numbers are in `exchange`; or -4 if the operation is queued, and its answer
   * comes with `ticket`. `cost`: one for all policies; below 0, the operation is in `exchange`.
   */
  ask(
    kind: Kind,
    keys: NativeKeys,
    cost: number,
    ticket: number,
    holder?: string,
    shard?: string,
    id?: string,
  ): number;
  /** Sends the queue. */
  flush(): void;
  /** The first counts requests that reached no server, or one that is gone. */
  stats(): [others: RedisNodeStats, ...nodes: RedisNodeStats[]] | undefined;
  close(): void;
}

/** A policy's name, and a text that differs if its numbers do. */
export type PolicyNumbers = readonly [name: string, text: string];

export interface NativeAddon {
  /** The buffer for numbers between JavaScript and C++, which saves allocations. */
  readonly exchange: Float64Array;
  readonly maxPolicies: number;
  /** Storage for js/redis/engine.ts. */
  pending?: unknown[];
  /** Texts of the fault numbers. */
  readonly redisFaults: readonly (RedisFault | 'cross-slot')[];
  /** The PolicyFault of a policy's numbers; 0 if they are valid. */
  policyFault(policy: NativePolicy): number;
  largestLimit(policy: NativePolicy): number;
  /** The end of the names of its states in Redis. */
  stateTag(policy: NativePolicy): string;
  /**
   * Returns a function that withdraws the claims; or the index of the name that another limiter describes otherwise,
   * with the description and the place of that limiter.
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
    /** The offset of an external clock from 1970. */
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
  /**
   * Answers with a code and leaves a verdict in `exchange`; see native/addon/environment.h. One cost for all policies,
   * default 1. Without `nowUs`, or with one below 0, the machine's clock counts.
   */
  memoryCheck(index: number, key: string, cost?: number, nowUs?: number): number;
  memoryPeek(index: number, key: string, cost?: number, nowUs?: number): number;
  /**
   * Runs the operation in `exchange`. Returns a check's code, or -3 for a reused id; whether slots were held; for an
   * abort, whether nobody waits behind it; of a reservation that decides nothing -16 less its outcome; else 0.
   */
  memoryAct(
    index: number,
    kind: Kind,
    keys: NativeKeys,
    nowUs: number,
    holder?: string,
    id?: string,
  ): number;
  /** Storage for js/redis/passwords.ts. */
  passwordFunctions?: Map<number, unknown>;
  /** Takes PEM texts, or empty ones. On failure returns the name of the wrong option, and the reason. */
  makeTls(options: {
    ca: string;
    cert: string;
    key: string;
    passphrase: string;
    servername: string;
    verify: boolean;
  }): NativeTls | readonly [name: string, reason: string];
  makePasswordSource(id: number): NativePasswordSource;
  /** `receiver` must get each ticket answered, and must not throw. */
  onPasswordWanted(receiver: (id: number, ticket: number) => void): void;
  answerPassword(ticket: number, password: string | undefined, why: string | undefined): void;
  /** Storage for js/redis/client-session.ts. */
  clientSessions?: WeakMap<object, unknown>;
  /** `mapsSlots`: the client of a cluster knows which node has a slot. */
  makeClientSession(address: string, cluster: boolean, mapsSlots: boolean): NativeClientSession;
  makeRedisLimiter(options: {
    /** The servers; or, instead, `backend`. */
    servers?: NativeServers;
    backend?: NativeBackend;
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
    /** Compared with those of other processes for these policies. */
    numbers: readonly PolicyNumbers[];
    /** Names the store of `localPolicies` in all threads. */
    localStore: string;
    maxKeys: number;
  }): NativeRedisLimiter;
  /**
   * Answers are in `exchange`, one after the other: `[ticket, fault]` and a verdict. A single number may replace the
   * verdict: -1 for none, -2 for yes (all slots were held, nobody waits behind an abort), or -3 for a reused id.
   */
  onAnswers(receiver: (count: number, details: string[] | undefined) => void): void;
  onBreaker(receiver: (address: string, state: RedisNodeStats['breaker']) => void): void;
  onWarning(
    receiver: (address: string, warning: RedisWarning['warning'], detail: string) => void,
  ): void;
}

/** Whether this process runs on musl, as on Alpine: the head of its program names the loader. */
function onMusl(): boolean {
  try {
    const head = Buffer.alloc(4096);
    const program = openSync('/proc/self/exe', 'r');
    try {
      readSync(program, head, 0, head.length, 0);
    } finally {
      closeSync(program);
    }
    return head.includes('/ld-musl-');
  } catch {
    // Node's --permission refuses to read the program, without --allow-fs-read.
  }
  try {
    const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } };
    return report?.header !== undefined && !report.header.glibcVersionRuntime;
  } catch {
    // Deno may refuse this too. It has no build for musl.
    return false;
  }
}

const musl = process.platform === 'linux' && onMusl() ? '-musl' : '';
const platform = `${process.platform}-${process.arch}${musl}`;
// The package's folder. An ECMAScript module of a bundler has no __dirname.
const root = typeof __dirname === 'string' ? join(__dirname, '..') : undefined;

/** Loads the prebuilt addon of this platform; `undefined` for a platform without a file in js/platforms. */
function loadPrebuilt(): Loaded | undefined {
  switch (platform) {
    case 'linux-x64':
      return require('./platforms/linux-x64.js').load();
    case 'linux-arm64':
      return require('./platforms/linux-arm64.js').load();
    case 'linux-x64-musl':
      return require('./platforms/linux-x64-musl.js').load();
    case 'linux-arm64-musl':
      return require('./platforms/linux-arm64-musl.js').load();
    case 'darwin-x64':
      return require('./platforms/darwin-x64.js').load();
    case 'darwin-arm64':
      return require('./platforms/darwin-arm64.js').load();
  }
  return undefined;
}

function load(): NativeAddon {
  const { addon, error } = loadPrebuilt() ?? {};
  if (addon) return addon as NativeAddon;
  if (error && (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') {
    throw nativeFailure({ root, platform, error });
  }
  return loadBuilt();
}

/** Loads an addon that was built here: for a platform that `load` does not name, or in a checkout. */
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
