// Selects the faults of a limiter that become process warnings.

import type { RedisFault } from '../limiter/types.js';

/** A fault that returns sooner than this is the same problem. */
const QUIET_MS = 60_000;

/**
 * Lets one warning through for each outage. An answer of the store ends an outage, but a kind of fault is shown again
 * only after a minute without it. Redis may answer one call and fail the next (`OOM`, a foreign value, a dead node of a
 * cluster); a warning for each failed call would flood the log.
 */
export class FaultWarnings {
  readonly #nowMs: () => number;
  readonly #lastMs = new Map<RedisFault, number>();
  #outage = false;

  /** `nowMs`: a monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Records an answer of the store. */
  answered(): void {
    this.#outage = false;
  }

  /** Records a fault. Returns whether to show it. */
  shows(fault: RedisFault): boolean {
    const now = this.#nowMs();
    const last = this.#lastMs.get(fault);
    this.#lastMs.set(fault, now);
    if (this.#outage || (last !== undefined && now - last < QUIET_MS)) return false;
    this.#outage = true;
    return true;
  }
}
