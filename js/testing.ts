// The entry 'sluice/testing': clocks and limiters for tests of code that uses a limiter.

export { type Clock, dateClock, type ManualClock, manualClock } from './limiter/clock.js';
export { allowAll, type DenyAllOptions, denyAll } from './limiter/stub-limiter.js';
