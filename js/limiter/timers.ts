// Node's timers and monotonic clock, saved when this file loads. Fake timers of a user's tests replace the globals,
// and must not stop real-time work: deadlines, replies, waits for a real store.

import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

export const { setTimeout, clearTimeout, setImmediate } = timers;

/** In ms, from an arbitrary start. */
export const monotonicMs: () => number = performance.now.bind(performance);
