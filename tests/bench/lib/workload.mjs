// The keys of a workload, their order, and the expected number of admissions.
import { seededRandom, shuffle } from './stats.mjs';

/**
 * `keyCount` keys, each called `callsPerKey` times, all calls in one seeded random order. `deniedShare` of them are
 * above the capacity.
 * Every key may make `capacity` calls, and no quota flows back during a run. So each key has exactly `capacity`
 * admitted calls, under every subject and algorithm.
 *
 * `warm` calls per key come first, unmeasured. They create the entries, so that the growth of a table is not measured.
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
    /** Put before each entry of `calls` at the call; null: the entry is the key. */
    prefix: concatenated ? prefix : null,
    admitted: keyCount * (capacity - warm),
  };
}

/** The time in which `capacity` calls flow back, token by token; the first needs a `capacity`th of it. */
export const REFILL_MS = 90 * 86_400_000;
/** The same for a peer's fixed window; their timers reach only 24 days. */
export const WINDOW_MS = 86_400_000;

/**
 * Throws unless a run admitted the expected number and the store decided all of it. `evicted`: entries that a memory
 * store evicted, if it says so; each lets its key start again.
 */
export function verify(workload, who, { admitted, decided, evicted }) {
  const expected = { admitted: workload.admitted, decided: workload.calls.length };
  if (admitted !== expected.admitted || decided !== expected.decided) {
    const evictions = evicted === undefined ? '' : `; the store evicted ${evicted} entries`;
    throw new Error(
      `${who}, ${workload.name}: admitted ${admitted} of ${decided} decided by the store; ` +
        `arithmetic says ${expected.admitted} of ${expected.decided}${evictions}`,
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
