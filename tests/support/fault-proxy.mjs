// A TCP proxy before a server on the loopback address. Tests can break its line while it runs.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { FaultyFlow } from './faulty-flow.mjs';
import { freePort } from './ports.mjs';
import { seededRandom } from './random.mjs';
import { resetSocket } from './reset-socket.mjs';

/**
 * Starts a proxy to `to` (a port, or a unix socket's path), on `port` or a free one. `seed` is for the jitter.
 * Resolves to a FaultProxy without faults.
 */
export async function startFaultProxy({ to, port, seed = 1 }) {
  const proxy = new FaultProxy(to, seededRandom(seed));
  await proxy.listen(port ?? (await freePort()));
  return proxy;
}

class FaultProxy {
  #to;
  #random;
  #listener;
  #lines = new Set();
  #faults = {};
  /** The number of connections accepted so far. */
  accepted = 0;

  constructor(to, random) {
    this.#to = to;
    this.#random = random;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The number of open connections. */
  get open() {
    return this.#lines.size;
  }

  async listen(port) {
    this.#listener = createServer((client) => this.#take(client)).listen(port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.port = this.#listener.address().port;
  }

  /**
   * Replaces the line's faults, also for open connections: `{}` heals it.
   *
   * - `requests`, `replies`: the faults of a direction, `{ delayMs, jitterMs, bytesPerSecond, held }`. Data is held
   *   for `delayMs` plus up to `jitterMs`, keeps its order, and is read and sent no faster than `bytesPerSecond`.
   *   `held: true` holds it until the line heals
   * - `blackHole: true`: nothing passes and nothing ends; connections are accepted. Data in flight arrives when the
   *   line heals, as TCP would resend it
   * - `cutReplyAfter`: resets each connection after this many further bytes of replies
   * - `refuse: true`: refuses new connections
   */
  async set(faults) {
    const refused = Boolean(this.#faults.refuse);
    this.#faults = { ...faults };
    for (const line of this.#lines) this.#apply(line);
    if (faults.refuse && !refused) this.#listener.close();
    if (!faults.refuse && refused) await this.listen(this.port);
  }

  /** Resets (RST) every open connection. */
  reset() {
    for (const { client, server } of this.#lines) {
      resetSocket(client);
      server.destroy();
    }
  }

  async stop() {
    for (const { client, server } of this.#lines) {
      client.destroy();
      server.destroy();
    }
    if (!this.#listener.listening) return;
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #take(client) {
    this.accepted++;
    const target =
      typeof this.#to === 'string' ? { path: this.#to } : { port: this.#to, host: '127.0.0.1' };
    const server = connect(target);
    for (const socket of [client, server]) {
      socket.setNoDelay();
      socket.on('error', () => {}); // 'close' follows
    }
    const line = { client, server };
    const cut = () => {
      resetSocket(client);
      server.destroy();
    };
    line.requests = new FaultyFlow(client, server, this.#random, cut);
    line.replies = new FaultyFlow(server, client, this.#random, cut);
    this.#lines.add(line);
    client.once('close', () => this.#lines.delete(line));
    this.#apply(line);
  }

  #apply({ requests, replies }) {
    const { blackHole: held = false, cutReplyAfter } = this.#faults;
    requests.set({ held, ...this.#faults.requests });
    replies.set({ held, cutAfter: cutReplyAfter, ...this.#faults.replies });
  }
}
