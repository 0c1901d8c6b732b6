// Reservations that last as long as a response.

import type { ServerResponse } from 'node:http';
import { decisionOf, isOver } from '../limiter/reservation.js';
import { clearTimeout, setTimeout } from '../limiter/timers.js';
import type {
  AnyLimiter,
  Cost,
  Decision,
  Key,
  Reservation,
  ReservationHandle,
  ReserveOptions,
} from '../limiter/types.js';
import type { HttpCheckOptions, HttpLimiter } from './limiter.js';
import { whenEnded } from './response-end.js';

/** The longest that a timer of Node waits: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A limiter that can reserve, whatever its keys and plans. */
type Reserving = AnyLimiter & {
  reserve(
    key: Key,
    estimate: Cost,
    options: ReserveOptions & { plan?: string },
  ): Promise<Reservation>;
};

/** A limiter whose checks reserve: the guard's cost is the estimate. */
export class ReservingLimiter implements HttpLimiter {
  readonly store = 'redis';
  readonly #limiter: Reserving;
  readonly #options: ReserveOptions;
  readonly #made = new WeakMap<Decision, Reservation>();

  constructor(limiter: AnyLimiter, options: ReserveOptions) {
    this.#limiter = limiter as Reserving;
    this.#options = options;
  }

  get policyNames(): readonly string[] {
    return this.#limiter.policyNames;
  }

  get policies(): AnyLimiter['policies'] {
    return this.#limiter.policies;
  }

  get plans(): AnyLimiter['plans'] {
    return this.#limiter.plans;
  }

  async check(key: Key, { cost = 1, ...more }: HttpCheckOptions = {}): Promise<Decision> {
    const reservation = await this.#limiter.reserve(key, cost, { ...this.#options, ...more });
    const decision = decisionOf(reservation);
    this.#made.set(decision, reservation);
    return decision;
  }

  /** The reservation of a decision; `undefined` if a rule of the guard made it. */
  reservationOf(decision: Decision): Reservation | undefined {
    return this.#made.get(decision);
  }

  ready(): Promise<void> {
    return this.#limiter.ready();
  }

  close(): Promise<void> {
    return this.#limiter.close();
  }
}

/**
 * Holds a reservation until the response has ended: renews it, then settles it with `usageOf()`, or cancels it if the
 * client hung up before. Does neither if the application has ended or detached it.
 *
 * @param ttlMs the time to live of the reservation
 * @param failed gets an error of `usageOf`; the estimate then stays charged
 */
export function holdForResponse(
  reservation: ReservationHandle,
  response: ServerResponse,
  ttlMs: number,
  usageOf: () => unknown,
  failed: (error: unknown) => void,
): void {
  let timer: NodeJS.Timeout;
  const renew = () => {
    timer = setTimeout(
      () => {
        if (isOver(reservation)) return;
        // If the store fails, the next renewal may succeed.
        reservation.renew(ttlMs).catch(() => {});
        renew();
      },
      Math.min(ttlMs / 2, LONGEST_TIMER_MS),
    );
    timer.unref();
  };
  renew();
  whenEnded(response, async (isComplete) => {
    clearTimeout(timer);
    if (isOver(reservation)) return;
    let usage: unknown;
    try {
      if (isComplete) usage = await usageOf();
    } catch (error) {
      failed(error);
    }
    try {
      await (isComplete ? reservation.settle(usage as Cost | undefined) : reservation.cancel());
    } catch (error) {
      // A wrong usage is the application's mistake. A failed store is reported by `sluice:fault`, and the reservation
      // expires by its rule.
      if ((error as { argument?: unknown }).argument === undefined) return;
      failed(error);
      await reservation.settle().catch(() => {});
    }
  });
}
