// Ends a connection with RST only.

/**
 * Acts like a crash: the peer reads the earlier data, then ECONNRESET. Node's `resetAndDestroy()` sends FIN first, so
 * the peer may see an orderly end; this is its second half.
 */
export function resetSocket(socket) {
  socket.resetAndClosing = true;
  socket.destroy();
}
