// Holds an admitted request back until its turn in the queue of a shaping policy.

import type { ServerResponse } from 'node:http';
import { whenClosed } from './http-close.js';

/** The longest that a timer of Node waits: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls `go` after `delayMs`, unless the response, if there is one, is closed by then: its client has hung up. */
export function hold(delayMs: number, response: ServerResponse | undefined, go: () => void): void {
  const timer = setTimeout(go, Math.min(delayMs, LONGEST_TIMER_MS));
  if (response !== undefined) whenClosed(response, () => clearTimeout(timer));
}
