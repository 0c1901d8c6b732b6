// Drives a user's client: takes commands from native code, hands back replies, and keeps the time.

import { randomUUID } from 'node:crypto';
import { reasonOf } from '../limiter/errors.js';
import { clearTimeout, monotonicMs, setImmediate, setTimeout } from '../limiter/timers.js';
import {
  type NativeBackend,
  type NativeClientSession,
  type NativeCommand,
  native,
} from '../native.js';
import { type ExternalClient, type RedisClient, readClient } from './external-client.js';
import type { Transport } from './transport.js';

/** The most node names to remember: more than Redis recommends for a cluster. */
const MOST_NODES = 1000;

/** Connects all limiters of this thread to one client. */
export class ClientSession implements Transport {
  readonly session = this;
  /** Identifies the client in all threads. */
  readonly scope = `client ${randomUUID()}`;
  readonly #client: ExternalClient;
  readonly #native: NativeClientSession;
  /** Numbers of a cluster's nodes, from 1; 0: the client does not know the slot's node yet. */
  readonly #nodes = new Map<string, number>();
  #lastNode = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  constructor(client: ExternalClient) {
    this.#client = client;
    this.#native = native.makeClientSession(
      client.address,
      client.cluster,
      client.nodeOf !== undefined,
    );
  }

  get address(): string {
    return this.#client.address;
  }

  get server(): string {
    return this.#client.server ?? this.scope;
  }

  get isCluster(): boolean {
    return this.#client.cluster;
  }

  get connected(): boolean {
    try {
      return this.#client.connected();
    } catch {
      // A property of the client throws. The caller is about to report a fault anyway.
      return false;
    }
  }

  get native(): { backend: NativeBackend } {
    return { backend: this.#native.backend };
  }

  #numberOf(slot: number): number {
    let node: string | undefined;
    try {
      node = this.#client.nodeOf?.(slot);
    } catch {
      // The client's own map may throw.
    }
    if (node === undefined) return 0;
    let number = this.#nodes.get(node);
    if (number === undefined) {
      // Nodes come and go; the remaining ones then count as new.
      if (this.#nodes.size >= MOST_NODES) this.#nodes.clear();
      number = ++this.#lastNode;
      this.#nodes.set(node, number);
    }
    return number;
  }

  /** Sends waiting commands. Call it after each call into native code. */
  pump(): void {
    const slots = this.#client.nodeOf && this.#native.slots();
    if (slots) this.#native.route(slots.map((slot) => this.#numberOf(slot)));
    for (let commands = this.#native.take(); commands; commands = this.#native.take()) {
      for (const command of commands) void this.#send(command);
    }
    this.#keepTime();
  }

  async #send([id, name, args, firstKey, waitMs]: NativeCommand): Promise<void> {
    try {
      this.#native.reply(id, await this.#client.send(name, args, args[firstKey]!, waitMs));
    } catch (error) {
      this.#native.fail(id, reasonOf(error));
    }
    this.pump();
  }

  /** The timer keeps no process alive: waiting checks do. */
  #keepTime(): void {
    const due = this.#native.due();
    if (due === Number.POSITIVE_INFINITY) return;
    const at = monotonicMs() + due;
    if (this.#timer !== undefined) {
      // An early timer does no harm.
      if (this.#timerAt <= at) return;
      clearTimeout(this.#timer);
    }
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // First reads the replies that arrived while this thread was busy: they are not late. (An unref'ed immediate
      // would wait for another event.)
      setImmediate(() => {
        this.#native.onTime();
        this.pump();
      });
    }, Math.ceil(due)).unref();
  }
}

/** The addon holds it for the same reasons as `pending` in engine.ts. */
native.clientSessions ??= new WeakMap<object, ClientSession>();
const sessions = native.clientSessions as WeakMap<object, ClientSession>;

/** The client's session; limiters over one client share it. Throws like readClient. */
export function clientSessionOf(client: RedisClient): ClientSession {
  const own = readClient(client);
  let session = sessions.get(client);
  if (session === undefined) {
    session = new ClientSession(own);
    sessions.set(client, session);
  }
  return session;
}
