// Holds an admitted request back until its turn in the queue of a shaping policy.

import type { ServerResponse } from 'node:http';
import type { Turn } from '../limiter/turns.js';
import { whenClosed } from './close.js';

/** The longest that a timer of Node waits: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `go` after `delayMs`. If the response closes before that, the client has hung up: `go` is not called, and the
 * turn is given back.
 */
export function hold(
  turn: Turn | undefined,
  delayMs: number,
  response: ServerResponse | undefined,
  go: () => void,
): void {
  const come = () => {
    turn?.come();
    go();
  };
  // A stand-in of 'sluice/testing' has no clock of its own.
  const { setTimeout, clearTimeout } = turn?.timers ?? globalThis;
  const timer = setTimeout(come, Math.min(delayMs, LONGEST_TIMER_MS));
  if (response === undefined) return;
  whenClosed(response, () => {
    clearTimeout(timer);
    turn?.giveUp();
  });
}
