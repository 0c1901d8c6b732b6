// Policies of every algorithm, by the algorithm's name.

import {
  concurrency,
  fixedWindow,
  gcra,
  leakyBucket,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';

export const MAKERS = {
  tokenBucket,
  gcra,
  leakyBucket,
  fixedWindow,
  slidingWindow,
  slidingLog,
  concurrency,
};

/**
 * A policy of each algorithm: `limit` units, which all come back over `span`, or over the algorithm's own of a list of
 * spans in the order of MAKERS. Each has `options` too.
 */
export function everyAlgorithm(limit, span, options = {}) {
  const spans = Array.isArray(span) ? span : Array(7).fill(span);
  const numbers = [
    (every) => ({ capacity: limit, every }),
    (every) => ({ limit, every }),
    (every) => ({ capacity: limit, leak: Math.max(limit, 1), every }),
    ...Array(3).fill((window) => ({ limit, window })),
    (ttl) => ({ limit, ttl }),
  ];
  return Object.fromEntries(
    Object.entries(MAKERS).map(([name, make], at) => [
      name,
      make({ ...numbers[at](spans[at]), ...options }),
    ]),
  );
}
