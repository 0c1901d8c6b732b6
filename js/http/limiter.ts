// A limiter as HTTP frameworks see it: they learn at run time which keys, plans and names it takes.

import { createLimiter, type LimiterOptions } from '../create-limiter.js';
import { typeError } from '../limiter/errors.js';
import { BaseLimiter } from '../limiter/limiter.js';
import type { Turn } from '../limiter/turns.js';
import type { AnyLimiter, Cost, Decision, Key, PeekOptions } from '../limiter/types.js';

/** The options of the check of a request. */
export interface HttpCheckOptions extends PeekOptions {
  plan?: string;
}

/** Any limiter. It refuses names that its policies do not have. */
export interface HttpLimiter extends AnyLimiter {
  check(key: Key, options?: HttpCheckOptions): Promise<Decision>;
  /** Only on a memory store. */
  checkSync?(key: Key, options?: HttpCheckOptions): Decision;
  /** A mock may lack it. */
  credit?(key: Key, cost: Cost, options: { of: Decision; plan?: string }): Promise<void>;
}

/** Whether `value` looks like the result of `createLimiter`. */
export function isLimiter(value: unknown): value is AnyLimiter {
  if (typeof value !== 'object' || value === null) return false;
  const { check, policies, plans } = value as Partial<AnyLimiter>;
  return typeof check === 'function' && [policies, plans].every((set) => typeof set === 'object');
}

/** The limiter, with the types of its keys and plans forgotten. */
export function asHttpLimiter(limiter: AnyLimiter): HttpLimiter {
  return limiter as HttpLimiter;
}

/** Calls `createLimiter` with options whose type does not say whether they hold policies or plans. */
export function makeLimiter(options: LimiterOptions): HttpLimiter {
  const made = createLimiter(options as LimiterOptions & { plans?: never });
  return asHttpLimiter(made as unknown as AnyLimiter);
}

/** Whether it is a stub of 'sluice/testing' or a mock of the application: these check no arguments. */
export function isStub(limiter: AnyLimiter): boolean {
  return !(limiter instanceof BaseLimiter);
}

/**
 * Checks the key that a stub gets; a real limiter checks its own.
 *
 * @throws TypeError `ERR_SLUICE_KEY`
 */
export function checkStubKey(key: unknown): void {
  if (typeof key === 'string' && key !== '') return;
  if (typeof key === 'object' && key !== null && !Array.isArray(key)) return;
  const expected = 'a string that is not empty, or an object of parts';
  throw typeError('ERR_SLUICE_KEY', 'key', key, expected);
}

/** The turn of a delayed request; `undefined` for a stub, which keeps no line. */
export function turnOf(limiter: AnyLimiter, key: Key, decision: Decision): Turn | undefined {
  return limiter instanceof BaseLimiter ? limiter.turn(key, decision) : undefined;
}
