// Tells when a response has closed: sent as far as it ever will be.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

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
