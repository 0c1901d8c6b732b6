// Aborts of an AbortSignal, with one listener for all callers that wait on it.

/** The callbacks of each signal. Node warns of a leak when one signal has more than ten listeners. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `go` when the signal aborts, until the returned function is called. The signal must not have aborted yet. */
export function whenAborted(signal: AbortSignal, go: () => void): () => void {
  const all = waiting.get(signal) ?? listenTo(signal);
  all.add(go);
  return () => {
    if (!all.delete(go) || all.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener('abort', onAbort);
  };
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>();
  signal.addEventListener('abort', onAbort, { once: true });
  waiting.set(signal, all);
  return all;
}

function onAbort(this: AbortSignal): void {
  const all = waiting.get(this) ?? [];
  waiting.delete(this);
  for (const go of [...all]) go();
}
