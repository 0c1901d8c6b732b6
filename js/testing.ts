// The entry 'sluice/testing': clocks for tests of code that uses a limiter.

export { type Clock, dateClock, type ManualClock, manualClock } from './clock.js';
