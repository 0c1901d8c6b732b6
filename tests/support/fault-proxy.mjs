// A TCP proxy before a server of the loopback address, whose line can be made bad while it runs.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { FaultyFlow } from './faulty-flow.mjs';
import { freePort } from './ports.mjs';
import { seededRandom } from './random.mjs';
import { resetSocket } from './reset-socket.mjs';

/**
 * Starts a proxy to `to` (a port, or a unix socket's path), on `port` or a free one. `seed`: of the jitter.
 * Resolves to a FaultProxy, which has no faults yet.
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
  /** How many connections were taken so far. */
  accepted = 0;

  constructor(to, random) {
    this.#to = to;
    this.#random = random;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** How many connections are open. */
  get open() {
    return this.#lines.size;
  }

  async listen(port) {
    this.#listener = createServer((client) => this.#take(client)).listen(port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.port = this.#listener.address().port;
  }

  /**
   * The line's faults from now on, also of connections that are open, in place of those before: `{}` heals it.
   *
   * - `requests`, `replies`: of that direction, `{ delayMs, jitterMs, bytesPerSecond, held }`: what arrives is held
   *   for `delayMs` and up to `jitterMs` more, never overtakes, and goes on, and is read, no faster than that;
   *   `held: true`: until it is healed
   * - `blackHole: true`: nothing passes, nothing ends; connections are taken. What was under way arrives when it
   *   is healed, as TCP would send it again
   * - `cutReplyAfter`: each connection is reset when so many bytes of replies have passed from now on
   * - `refuse: true`: new connections are refused
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
      socket.on('error', () => {}); // 'close' comes behind it
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
