// The Express middleware that holds a reservation for each request.

import type { Request, RequestHandler, Response } from 'express';
import { addressKey } from '../http/client-ip.js';
import { HttpGuard } from '../http/guard.js';
import { isLimiter } from '../http/limiter.js';
import {
  checkDefaultKey,
  checkDefaultPlan,
  checkParts,
  checkRequestOptions,
} from '../http/request-options.js';
import { holdForResponse, ReservingLimiter } from '../http/reserving.js';
import {
  checkOptionNames,
  printable,
  reasonOf,
  refuseSecond,
  typeError,
} from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import { DEFAULT_TTL_MS, readReserveOptions } from '../limiter/reservation.js';
import type {
  AnyLimiter,
  Cost,
  ReserveOptions as HoldOptions,
  Key,
  Limiter,
  Reservation,
  Uninferred,
} from '../limiter/types.js';
import { warn } from '../limiter/warn.js';
import { guarded, keyOf } from './guarded.js';
import type { OptionsFor, PerRequest, RequestOptions } from './options.js';
import { routeOf } from './route.js';

declare global {
  namespace Express {
    interface Request {
      /** Set by Sluice's `reserve` for an admitted request. */
      reservation?: Reservation;
    }
  }
}

/** Options of `rateLimit` that mean nothing here. */
type NotHere = 'cost' | 'skipFailedRequests' | 'skipSuccessfulRequests' | 'requestWasSuccessful';

/** The options of `reserve`, besides those that it shares with `rateLimit`. */
interface OwnOptions<Name extends string> extends Pick<HoldOptions, 'ttlMs' | 'onExpire'> {
  /** The units to reserve. Default 1. */
  estimate?: PerRequest<Cost<Name>>;
  /**
   * The real usage, once the response has ended. `undefined`: the estimate stays charged, or the noted usage if that is
   * more.
   */
  settle?: (
    req: Request,
    res: Response,
  ) => Cost<Name> | undefined | Promise<Cost<Name> | undefined>;
}

/** The options of `reserve`. */
export type ReserveOptions<
  Name extends string = string,
  K extends Key = string,
  Plan extends string = never,
> = { limiter: Limiter<Name, K, Plan> } & OwnOptions<Name> &
  Omit<OptionsFor<Name, K, Uninferred<Plan>>, NotHere>;

type Options = { limiter?: AnyLimiter } & OwnOptions<string> &
  Omit<RequestOptions<string, Key, string>, NotHere>;

// As an object, so that an option added to the type and forgotten here does not compile.
const OPTIONS: Readonly<Record<keyof Options, true>> = {
  limiter: true,
  key: true,
  keyFallback: true,
  estimate: true,
  plan: true,
  limits: true,
  skip: true,
  headers: true,
  retryAfterJitter: true,
  slotRetryAfter: true,
  handler: true,
  onRequestError: true,
  ttlMs: true,
  onExpire: true,
  settle: true,
};

function readOptions(given: unknown): Options & { limiter: AnyLimiter } {
  if (typeof given !== 'object' || given === null) {
    const expected = 'given an object of options, such as reserve({ limiter, estimate, settle })';
    throw typeError('ERR_SLUICE_OPTIONS', 'reserve', given, expected);
  }
  checkOptionNames(given, Object.keys(OPTIONS), 'reserve');
  const options = ownOptions(given as Options);
  const { limiter, settle } = options;
  if (!isLimiter(limiter) || typeof (limiter as Partial<Limiter>).reserve !== 'function') {
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      'reserve.limiter',
      limiter,
      'a limiter of createLimiter()',
    );
  }
  if (settle !== undefined && typeof settle !== 'function') {
    throw typeError('ERR_SLUICE_OPTIONS', 'reserve.settle', settle, 'a function');
  }
  return { ...options, limiter };
}

/**
 * Express middleware (4 and 5) that reserves an estimate for each request, and settles it with the real usage once the
 * response has ended. It renews the reservation as long as the response lasts, so that a slot is held to the end of a
 * stream. If the client goes away before, it cancels: the usage noted by `req.reservation.checkpoint()` stays charged.
 * An application that ends or detaches `req.reservation` itself has done so.
 *
 * Denials, headers, `req.rateLimit` and failures are those of `rateLimit`.
 *
 * @throws TypeError, RangeError with a code `ERR_SLUICE_*` for wrong options
 * @example
 * import { reserve } from 'sluice/express';
 *
 * app.post(
 *   '/ask',
 *   reserve({
 *     limiter,
 *     key: (req) => req.get('x-tenant'),
 *     keyFallback: 'ip',
 *     estimate: { burst: 1, daily: 20 },
 *     settle: (_req, res) => ({ daily: res.locals.used }),
 *   }),
 * );
 */
export function reserve<Name extends string, K extends Key, Plan extends string = never>(
  given: ReserveOptions<Name, K, Plan>,
  second?: never,
): RequestHandler {
  refuseSecond(second, 'reserve', 'app.use(reserve({ limiter }))');
  const {
    limiter,
    estimate,
    ttlMs = DEFAULT_TTL_MS,
    onExpire,
    settle,
    ...options
  } = readOptions(given);
  const held = onExpire === undefined ? { ttlMs } : { ttlMs, onExpire };
  readReserveOptions(held);
  checkRequestOptions({ ...options, cost: estimate }, 'reserve');
  const nameOf = (option: string) => `reserve.${option === 'cost' ? 'estimate' : option}`;
  checkParts(limiter, { cost: estimate, plan: options.plan, limits: options.limits }, nameOf);
  const key = keyOf(options);
  if (key === addressKey) checkDefaultKey(limiter, 'reserve.key');
  if (options.plan === undefined) checkDefaultPlan(limiter, 'reserve.plan');
  const reserving = new ReservingLimiter(limiter, held);
  const guard = new HttpGuard<Request, Response>(
    reserving,
    ownOptions({ ...options, cost: estimate, costOption: 'estimate' as const, key, routeOf }),
    'reserve',
    nameOf,
  );
  let hasWarned = false;
  const failed = (error: unknown) => {
    if (hasWarned) return;
    hasWarned = true;
    const message = `reserve: settle failed, so the estimate stays charged: ${reasonOf(error)}`;
    warn('SLUICE_SETTLE', printable(message));
  };
  return guarded({
    guard,
    name: 'reserve',
    handler: options.handler,
    admitted({ decision }, req, res) {
      const reservation = reserving.reservationOf(decision);
      if (reservation === undefined) return;
      req.reservation = reservation;
      holdForResponse(reservation, res, ttlMs, () => settle?.(req, res), failed);
    },
  });
}
