// Node's timers and monotonic clock, as they are when this is loaded. Fake timers of a user's tests replace the
// globals, and must not stop what has to happen in real time: deadlines, replies, waits for a real store.

import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setImmediate } = timers;

/** In ms, from any moment. */
export const monotonicMs: () => number = performance.now.bind(performance);
