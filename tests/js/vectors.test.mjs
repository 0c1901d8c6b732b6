// The vectors that C++ and Lua run, through the public API: its clock counts microseconds, its answers milliseconds.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createLimiter, memory, tokenBucket } from 'sluice';

const file = new URL('../vectors/token-bucket.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8'));

const toMs = (ns) =>
  ns === 'never' ? Number.POSITIVE_INFINITY : Number((BigInt(ns) + 999_999n) / 1_000_000n);

function expectedAnswers(vector, step) {
  return vector.policies.length === 1 ? [step] : step.policies;
}

for (const vector of vectors) {
  const wholeMicros = vector.policies.every(({ every }) => BigInt(every) % 1000n === 0n);
  if (vector.nsOnly || !wholeMicros) continue;
  test(`vector: ${vector.name}`, () => {
    let us = 0n;
    const clock = { now: () => Number(us) / 1e3 };
    const names = vector.policies.map(({ name }) => name);
    const policies = Object.fromEntries(
      vector.policies.map(({ name, capacity, refill, every }) => [
        name,
        tokenBucket({
          capacity: Number(capacity),
          refill: Number(refill),
          every: Number(every) / 1e6,
        }),
      ]),
    );
    const limiter = createLimiter({ policies, store: memory({ clock }) });
    vector.steps.forEach((step, index) => {
      us = BigInt(step.now) / 1000n;
      const costs = [step.cost].flat();
      const cost = Object.fromEntries(names.map((name, i) => [name, Number(costs[i])]));
      const decision = limiter.checkSync('key', { cost });
      assert.equal(decision.allowed, step.allowed, `step ${index}`);
      expectedAnswers(vector, step).forEach((expected, i) => {
        const { remaining, retryAfterMs, resetAfterMs } = decision.policies[i];
        assert.deepEqual(
          { remaining, retryAfterMs, resetAfterMs },
          {
            remaining: Number(expected.remaining),
            retryAfterMs: toMs(expected.retryAfter),
            resetAfterMs: toMs(expected.resetAfter),
          },
          `step ${index}, policy ${names[i]}`,
        );
      });
    });
  });
}
