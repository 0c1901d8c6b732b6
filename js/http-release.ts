// Gives the slots of an admitted request back once its response has closed.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Holder } from './types.js';

/** What waits for a connection to close: one listener for all, as a client may send many requests ahead. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/** HTTP/2 has streams in place of connections, and says there whether one has closed. */
type AnyResponse = ServerResponse & { readonly stream?: { readonly closed: boolean } };

function whenSocketCloses(socket: Socket, go: () => void): () => void {
  let all = waiting.get(socket);
  if (all === undefined) {
    const those = new Set<() => void>();
    all = those;
    waiting.set(socket, those);
    socket.once('close', () => {
      for (const go of [...those]) go();
    });
  }
  all.add(go);
  return () => all.delete(go);
}

/**
 * Calls `go` once: when the response has been sent as far as it ever will be, ended or cut off by a client that has
 * hung up; at once if that has happened already.
 */
export function whenClosed(response: ServerResponse, go: () => void): void {
  const { closed, stream } = response as AnyResponse;
  // A response behind others of one connection (pipelining) has no socket yet, and never closes if there is to be none.
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

/** Releases the slots when the response closes, or at once if it has; never before. */
export function releaseWhenClosed(holder: Holder, response: ServerResponse): void {
  whenClosed(response, async () => {
    try {
      await holder.release();
    } catch {
      // The store does not answer, which it says elsewhere. The slots free themselves after their ttl.
    }
  });
}
