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

/** The maker of each algorithm, its options that count units (those of the limit first), and its span option. */
export const MAKERS = {
  tokenBucket: { make: tokenBucket, counts: ['capacity', 'refill'], span: 'every' },
  gcra: { make: gcra, counts: ['limit', 'burst'], span: 'every' },
  leakyBucket: { make: leakyBucket, counts: ['capacity', 'leak'], span: 'every' },
  fixedWindow: { make: fixedWindow, counts: ['limit'], span: 'window' },
  slidingWindow: { make: slidingWindow, counts: ['limit'], span: 'window' },
  slidingLog: { make: slidingLog, counts: ['limit'], span: 'window' },
  concurrency: { make: concurrency, counts: ['limit'], span: 'ttl' },
};

/**
 * A policy of each algorithm, by its name: `limit` units, which all come back over `time`. A list of times has one for
 * each algorithm, in the order of MAKERS. Each policy has `options` too.
 */
export function everyAlgorithm(limit, time, options = {}) {
  const policies = Object.entries(MAKERS).map(
    (
      [
        name,
        {
          make,
          counts: [most],
          span,
        },
      ],
      at,
    ) => {
      const leak = make === leakyBucket ? { leak: Math.max(limit, 1) } : {};
      const numbers = { [most]: limit, ...leak, [span]: Array.isArray(time) ? time[at] : time };
      return [name, make({ ...numbers, ...options })];
    },
  );
  return Object.fromEntries(policies);
}

const isSpan = (value) => typeof value === 'string' && /^\d+$/.test(value);

/** A policy as tests/vectors write it: the options of its function, with spans in ns as text. */
export function policyOfVector({
  name: _name,
  algorithm = 'tokenBucket',
  interval: _interval,
  ...options
}) {
  const given = Object.entries(options).map(([name, value]) => [
    name,
    isSpan(value) ? Number(value) / 1e6 : value,
  ]);
  return MAKERS[algorithm].make(Object.fromEntries(given));
}
