// Ends a connection by RST alone.

/**
 * As after a crash: the peer reads what came before, then ECONNRESET. Node's `resetAndDestroy()` sends FIN first, so
 * that the peer may see an orderly end; this is its second half.
 */
export function resetSocket(socket) {
  socket.resetAndClosing = true;
  socket.destroy();
}
