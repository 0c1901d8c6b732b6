// Tests that must run within a second, on machines that may stand still for longer.

import { test } from 'node:test';

const LASTS_MS = 1000;
const MOST_TRIES = 20;

/**
 * A test whose `body` must finish within a second, and creates its objects anew each time. A run that failed and took
 * longer proves nothing, and is repeated.
 */
export function testInTime(name, body) {
  test(name, async (t) => {
    for (let tries = 1; ; tries++) {
      const begun = performance.now();
      try {
        return await body(t);
      } catch (error) {
        if (performance.now() - begun < LASTS_MS || tries === MOST_TRIES) throw error;
      }
    }
  });
}
