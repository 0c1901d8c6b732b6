// Waits for a response to close, to free its slots or to end its delay.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Turn } from '../limiter/turns.js';
import type { Holder } from '../limiter/types.js';

/** Callbacks for the close of a connection: one listener serves all, as a client may send many requests ahead. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/** HTTP/2 has streams in place of connections, and says there whether one has closed. */
type AnyResponse = ServerResponse & { readonly stream?: { readonly closed: boolean } };

function whenSocketCloses(socket: Socket, go: () => void): () => void {
  let callbacks = waiting.get(socket);
  if (callbacks === undefined) {
    const made = new Set<() => void>();
    callbacks = made;
    waiting.set(socket, made);
    socket.once('close', () => {
      for (const go of [...made]) go();
    });
  }
  callbacks.add(go);
  return () => callbacks.delete(go);
}

/** Calls `go` once, when the response has ended or its client has hung up; at once if that has happened already. */
export function whenClosed(response: ServerResponse, go: () => void): void {
  const { closed, stream } = response as AnyResponse;
  // A response behind others of one connection (pipelining) has no socket yet, and never closes if it gets none.
  const socket = response.socket === null ? response.req?.socket : undefined;
  if (closed || stream?.closed || socket?.destroyed) {
    go();
    return;
  }
  let forget: (() => void) | undefined;
  const once = () => {
    response.off('close', once);
    forget?.();
    go();
  };
  response.once('close', once);
  if (socket) forget = whenSocketCloses(socket, once);
}

/** Releases the slots when the response closes; never before. */
export function releaseWhenClosed(holder: Holder, response: ServerResponse): void {
  whenClosed(response, async () => {
    try {
      await holder.release();
    } catch {
      // The store does not answer, which `sluice:fault` reports. The slots expire after their ttl.
    }
  });
}

/** The longest that a timer of Node waits: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls `go` after `delayMs`. If the response closes before that, it gives the turn up instead. */
export function delay(
  turn: Turn | undefined,
  delayMs: number,
  response: ServerResponse | undefined,
  go: () => void,
): void {
  const come = () => {
    turn?.come();
    go();
  };
  // A stub of 'sluice/testing' has no clock of its own.
  const { setTimeout, clearTimeout } = turn?.timers ?? globalThis;
  const timer = setTimeout(come, Math.min(delayMs, LONGEST_TIMER_MS));
  if (response === undefined) return;
  whenClosed(response, () => {
    clearTimeout(timer);
    turn?.giveUp();
  });
}
