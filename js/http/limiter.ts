// A limiter as the middleware sees it: keys, plans and names are checked when it is asked.

import { createLimiter, type LimiterOptions } from '../create-limiter.js';
import { BaseLimiter } from '../limiter/base-limiter.js';
import type { Turn } from '../limiter/turns.js';
import type { AnyLimiter, Cost, Decision, Key, Limits } from '../limiter/types.js';

/** What a request is asked with, besides its key. */
export interface Question<Name extends string = string> {
  cost?: Cost<Name>;
  limits?: Limits<Name>;
  plan?: string;
}

/** Any limiter. What its policies do not know it refuses by itself. */
export interface HttpLimiter<Name extends string = string> extends AnyLimiter<Name> {
  check(key: Key, question?: Question<Name>): Promise<Decision<Name>>;
}

/** One that answers at once. */
export interface SyncHttpLimiter<Name extends string = string> extends HttpLimiter<Name> {
  checkSync(key: Key, question?: Question<Name>): Decision<Name>;
}

/** The limiter, with the types of its keys and plans forgotten. */
export function asHttpLimiter<Name extends string>(limiter: AnyLimiter<Name>): HttpLimiter<Name> {
  return limiter as HttpLimiter<Name>;
}

/** `createLimiter`, for options of which only at run time is known whether they hold policies or plans. */
export function makeLimiter<Name extends string>(options: LimiterOptions<Name>): HttpLimiter<Name> {
  const made = createLimiter(options as LimiterOptions<Name> & { plans?: never });
  return asHttpLimiter(made as unknown as AnyLimiter<Name>);
}

/** The turn of a request that is held back; a stand-in of 'sluice/testing' gives none. */
export function turnOf(limiter: HttpLimiter, key: Key, decision: Decision): Turn | undefined {
  return limiter instanceof BaseLimiter ? limiter.turn(key, decision) : undefined;
}

export function isSync<Name extends string>(
  limiter: HttpLimiter<Name>,
): limiter is SyncHttpLimiter<Name> {
  return limiter.store === 'memory';
}
