// The vectors that C++ and Lua run, through the public API: its clock counts microseconds, its answers milliseconds.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createLimiter, gcra, leakyBucket, memory, tokenBucket } from 'sluice';

const folder = new URL('../vectors/', import.meta.url);
const algorithms = { tokenBucket, gcra, leakyBucket };

const toMs = (ns) =>
  ns === 'never' ? Number.POSITIVE_INFINITY : Number((BigInt(ns) + 999_999n) / 1_000_000n);

/** A policy as the vectors write it: the options of its function, with `every` in ns as text. */
function policyOf({
  name: _name,
  algorithm = 'tokenBucket',
  interval: _interval,
  every,
  ...numbers
}) {
  return algorithms[algorithm]({ ...numbers, every: Number(every) / 1e6 });
}

function run({ policies, steps }) {
  let us = 0n;
  const clock = { now: () => Number(us) / 1e3 };
  const names = policies.map(({ name }) => name);
  const limiter = createLimiter({
    policies: Object.fromEntries(policies.map((policy) => [policy.name, policyOf(policy)])),
    store: memory({ clock }),
  });
  steps.forEach((step, index) => {
    us = BigInt(step.now) / 1000n;
    const answers = policies.length === 1 ? [step] : step.policies;
    const costs = [step.cost].flat();
    const cost = Object.fromEntries(names.map((name, i) => [name, costs[i]]));
    const decision = limiter.checkSync('key', { cost });
    const longest = Math.max(...answers.map(({ delay = '0' }) => toMs(delay)));
    assert.equal(decision.allowed, step.allowed, `step ${index}`);
    assert.equal(decision.delayMs, longest, `step ${index}`);
    answers.forEach((expected, i) => {
      const { allowed, remaining, retryAfterMs, resetAfterMs } = decision.policies[i];
      assert.deepEqual(
        { allowed, remaining, retryAfterMs, resetAfterMs },
        {
          allowed: expected.allowed,
          remaining: expected.remaining,
          retryAfterMs: toMs(expected.retryAfter),
          resetAfterMs: toMs(expected.resetAfter),
        },
        `step ${index}, policy ${names[i]}`,
      );
    });
  });
}

for (const file of readdirSync(folder)) {
  const { vectors } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  for (const vector of vectors) {
    const wholeMicros = vector.policies.every(({ every }) => BigInt(every) % 1000n === 0n);
    if (vector.nsOnly || !wholeMicros) continue;
    test(`${file}: ${vector.name}`, () => run(vector));
  }
}
