// Which keys are called, in which order, and what arithmetic says must come of it.
import { seededRandom, shuffle } from './stats.mjs';

/**
 * `keyCount` keys, each called `callsPerKey` times, all calls in one seeded random order;
 * `deniedShare` of them are one too many.
 * Every key may make `capacity` calls; the quota comes back so slowly that none does while a run
 * lasts. So each key has exactly `capacity` calls admitted, whoever counts, and whichever algorithm.
 *
 * `warm` calls per key come first, unmeasured: they make the entries, so that what is measured is
 * not the growth of a table.
 */
export function makeWorkload({
  name,
  keyCount,
  callsPerKey,
  deniedShare = 0.1,
  seed,
  warm = 1,
  concatenated = false,
}) {
  const capacity = warm + Math.round(callsPerKey * (1 - deniedShare));
  const random = seededRandom(seed);
  const prefix = 'user:';
  const ids = [...distinct(keyCount, () => flat(twelveDigits(random)))];
  const keys = concatenated ? ids : ids.map((id) => flat(prefix + id));
  const calls = [];
  for (let i = 0; i < callsPerKey; i++) for (const key of keys) calls.push(key);
  shuffle(calls, random);
  return {
    name,
    capacity,
    keys,
    calls,
    warm,
    /** Put before each entry of `calls` at the moment of the call; null: the entry is the key. */
    prefix: concatenated ? prefix : null,
    admitted: keyCount * (capacity - warm),
  };
}

/** The quota of `capacity` calls comes back over this time: token by token, the first after a `capacity`th of it. */
export const REFILL_MS = 90 * 86_400_000;
/** The same for a peer's fixed window; their timers reach no further than 24 days. */
export const WINDOW_MS = 86_400_000;

/** Throws unless a run admitted what arithmetic says, all of it decided by the store. */
export function verify(workload, who, { admitted, decided }) {
  const expected = { admitted: workload.admitted, decided: workload.calls.length };
  if (admitted !== expected.admitted || decided !== expected.decided) {
    throw new Error(
      `${who}, ${workload.name}: admitted ${admitted} of ${decided} decided by the store; ` +
        `arithmetic says ${expected.admitted} of ${expected.decided}`,
    );
  }
}

function distinct(count, make) {
  const made = new Set();
  while (made.size < count) made.add(make());
  return made;
}

function twelveDigits(random) {
  return String(Math.floor(random() * 1e12)).padStart(12, '0');
}

/** The same text as one sequential string: V8 keeps a concatenation as a tree until it is read. */
function flat(text) {
  return Buffer.from(text, 'latin1').toString('latin1');
}
