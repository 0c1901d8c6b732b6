// Drives a client that is not ours: takes commands from native code, hands replies back, keeps the time.

import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { clearTimeout, monotonicMs, setImmediate, setTimeout } from '../limiter/timers.js';
import { type NativeCommand, type NativeGateway, type NativeRelay, native } from '../native.js';
import { type ExternalClient, type RedisClient, readClient } from './external-client.js';

const LONGEST_REASON = 200;
/** Names of nodes that are remembered: more than Redis advises a cluster to have. */
const MOST_NODES = 1000;

/** What a client rejected with: the server's error, or the client's own words. */
function reasonOf(error: unknown): string {
  try {
    // Not instanceof: an error may come from another realm, such as a test runner's outer one.
    const message = (error as Error | undefined)?.message;
    const text = typeof message === 'string' ? message : inspect(error, { depth: 0 });
    return (text || String(error)).slice(0, LONGEST_REASON);
  } catch {
    return 'it failed with something that cannot be shown';
  }
}

/** The way of all limiters of this thread through one client. */
export class ClientSession {
  /** Names the client in all threads. */
  readonly id = `client ${randomUUID()}`;
  readonly #client: ExternalClient;
  readonly #native: NativeRelay;
  /** Numbers of a cluster's nodes, from 1 on; 0: the client does not know yet who has the slot. */
  readonly #nodes = new Map<string, number>();
  #lastNode = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;

  constructor(client: ExternalClient) {
    this.#client = client;
    this.#native = native.makeRelay(client.address, client.cluster, client.nodeOf !== undefined);
  }

  get address(): string {
    return this.#client.address;
  }

  get server(): string | undefined {
    return this.#client.server;
  }

  get cluster(): boolean {
    return this.#client.cluster;
  }

  get connected(): boolean {
    try {
      return this.#client.connected();
    } catch {
      // A property of the client throws. Whoever asks is about to tell of a fault, or of many.
      return false;
    }
  }

  get gateway(): NativeGateway {
    return this.#native.gateway;
  }

  #numberOf(slot: number): number {
    let node: string | undefined;
    try {
      node = this.#client.nodeOf?.(slot);
    } catch {
      // A client's own map may do so.
    }
    if (node === undefined) return 0;
    let number = this.#nodes.get(node);
    if (number === undefined) {
      // Nodes come and go; those that are still there then count as new ones.
      if (this.#nodes.size >= MOST_NODES) this.#nodes.clear();
      number = ++this.#lastNode;
      this.#nodes.set(node, number);
    }
    return number;
  }

  /** Sends what has come up; to be called whenever native code was. */
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

  /** The timer keeps no process alive: the checks that wait do. */
  #keepTime(): void {
    const due = this.#native.due();
    if (due === Number.POSITIVE_INFINITY) return;
    const at = monotonicMs() + due;
    if (this.#timer !== undefined) {
      // One that comes too early does no harm.
      if (this.#timerAt <= at) return;
      clearTimeout(this.#timer);
    }
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Replies that have come while this thread was busy are read first: they are not late. (An immediate that is
      // unref'ed would wait for some other event.)
      setImmediate(() => {
        this.#native.onTime();
        this.pump();
      });
    }, Math.ceil(due)).unref();
  }
}

/** Held by the addon, as `pending` in engine.ts is, and for its reasons. */
native.relays ??= new WeakMap<object, ClientSession>();
const sessions = native.relays as WeakMap<object, ClientSession>;

/** The client's relay: limiters over one client share it. Throws what readClient does. */
export function clientSessionOf(client: RedisClient): ClientSession {
  const own = readClient(client);
  let session = sessions.get(client);
  if (session === undefined) {
    session = new ClientSession(own);
    sessions.set(client, session);
  }
  return session;
}
