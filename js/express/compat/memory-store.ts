// The default store of the compatibility mode: counts in this process.

import type { Client, ClientRateLimitInfo, Options, Store } from './types.js';

const DEFAULT_WINDOW_MS = 60_000;

/**
 * Counts requests in this process. The window of a key starts with its first request, by `Date.now()`.
 *
 * It has no timer: each request forgets up to two keys whose windows have ended, so the memory follows the traffic.
 *
 * @example
 * import { MemoryStore, rateLimit } from 'sluice/express';
 *
 * const store = new MemoryStore();
 * const limiter = rateLimit({ windowMs: 60_000, limit: 5, store });
 * await store.resetKey('192.0.2.7');
 */
export class MemoryStore implements Store {
  /** In ms; set by `init`. */
  windowMs = DEFAULT_WINDOW_MS;
  /** Other instances count other keys. */
  readonly localKeys = true;
  /** In the order in which windows end, as all are of one length. */
  readonly #clients = new Map<string, Client>();

  /** `rateLimit` calls it with its options. A `windowMs` that is not a number counts as the default, 60,000. */
  init(options: Pick<Options, 'windowMs'>): void {
    const windowMs = Number(options.windowMs);
    this.windowMs = Number.isNaN(windowMs) ? DEFAULT_WINDOW_MS : windowMs;
  }

  /** The count of a key; `undefined` if it has no window. */
  async get(key: string): Promise<ClientRateLimitInfo | undefined> {
    const client = this.#clients.get(key);
    return client === undefined || hasEnded(client, Date.now()) ? undefined : client;
  }

  /** Counts a request. */
  async increment(key: string): Promise<ClientRateLimitInfo> {
    const now = Date.now();
    this.#forgetEnded(now);
    let client = this.#clients.get(key);
    if (client === undefined || hasEnded(client, now)) {
      client = { totalHits: 0, resetTime: new Date(now + this.windowMs) };
      this.#clients.delete(key);
      this.#clients.set(key, client);
    }
    client.totalHits++;
    return client;
  }

  /**
   * Takes a request back.
   *
   * @param resetTime the end of the window that counted it: a later window keeps its count
   */
  async decrement(key: string, resetTime?: Date): Promise<void> {
    const client = this.#clients.get(key);
    if (client === undefined || client.totalHits === 0) return;
    if (resetTime === undefined || resetTime === client.resetTime) client.totalHits--;
  }

  /** Sets the count of a key to 0. */
  async resetKey(key: string): Promise<void> {
    this.#clients.delete(key);
  }

  /** Sets all counts to 0. */
  async resetAll(): Promise<void> {
    this.#clients.clear();
  }

  /** Forgets all counts. */
  shutdown(): void {
    this.#clients.clear();
  }

  #forgetEnded(now: number): void {
    let left = 2;
    for (const [key, client] of this.#clients) {
      if (left-- === 0 || !hasEnded(client, now)) return;
      this.#clients.delete(key);
    }
  }
}

function hasEnded({ resetTime }: Client, now: number): boolean {
  return resetTime.getTime() <= now;
}
