// The vectors that C++ and Lua run, through the public API: its clock counts microseconds, its answers milliseconds.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createLimiter, memory } from 'sluice';
import { policyOfVector as policyOf } from '../support/makers.mjs';

const folder = new URL('../vectors/', import.meta.url);

const LATEST = BigInt(Date.UTC(2180, 0, 1)) * 1_000_000n;

const toMs = (ns) =>
  ns === 'never' ? Number.POSITIVE_INFINITY : Number((BigInt(ns) + 999_999n) / 1_000_000n);

/** One key of a memory store, under policies that may change. */
class Subject {
  #us = 0n;
  #store = memory({ clock: { now: () => Number(this.#us) / 1e3 } });
  #limiter;
  #policies;
  #decisions = [];

  use({ policies }) {
    this.#policies = policies;
    this.#limiter = createLimiter({
      policies: Object.fromEntries(policies.map((policy) => [policy.name, policyOf(policy)])),
      store: this.#store,
    });
  }

  async take(step) {
    const { op = 'check', now, of } = step;
    if (now !== undefined) this.#us = BigInt(now) / 1000n;
    this.#decisions.push(await this[op](step, this.#decisions[of]));
  }

  async check(step) {
    const decision = this.#limiter.checkSync('key', this.#question(step));
    this.#compare(decision, step);
    return decision;
  }

  async peek(step) {
    this.#compare(await this.#limiter.peek('key', this.#question(step)), step);
  }

  debit(step) {
    return this.#limiter.debit('key', this.#byName(step.units));
  }

  credit(step, decision) {
    return this.#limiter.credit('key', this.#byName(step.units), decision && { of: decision });
  }

  async release({ done }, { holder }) {
    assert.equal((await holder?.release()) ?? false, done);
  }

  async renew({ done }, { holder }) {
    assert.equal((await holder?.renew()) ?? false, done);
  }

  block({ span }) {
    return this.#limiter.block('key', Number(span) / 1e6);
  }

  unblock() {
    return this.#limiter.unblock('key');
  }

  reset() {
    return this.#limiter.reset('key');
  }

  #question({ cost, limits = null }) {
    const asked = Object.entries(this.#byName(limits)).filter(([, limit]) => limit !== null);
    return { cost: this.#byName(cost), limits: Object.fromEntries(asked) };
  }

  /** A list in the order of the policies, or the only policy's, by name. */
  #byName(values) {
    const list = Array.isArray(values) ? values : this.#policies.map(() => values);
    return Object.fromEntries(this.#policies.map(({ name }, i) => [name, list[i]]));
  }

  #compare(decision, step) {
    const single = this.#policies.length === 1;
    const answers = single ? [step] : step.policies;
    // A shadow alone admits whatever it would say.
    const shadow = single && this.#policies[0].enforce === false;
    assert.equal(decision.allowed, shadow || step.allowed);
    assert.equal(decision.delayMs, Math.max(...answers.map(({ delay = '0' }) => toMs(delay))));
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
        `policy ${this.#policies[i].name}`,
      );
    });
  }
}

async function run({ policies, steps }) {
  const subject = new Subject();
  subject.use({ policies });
  for (const [index, step] of steps.entries()) {
    try {
      await subject.take(step);
    } catch (error) {
      error.message = `step ${index}: ${error.message}`;
      throw error;
    }
  }
}

/** Why the public API cannot be asked this way, if so. */
function unaskable({ nsOnly, policies, steps }) {
  if (nsOnly || policies.some(({ every = '0' }) => BigInt(every) % 1000n !== 0n)) {
    return 'a clock of nanoseconds';
  }
  if (steps.some(({ now = '0' }) => BigInt(now) > LATEST)) return 'a clock goes to 2180';
  const used = steps.findLastIndex(({ op }) => op === 'use');
  if (steps.some(({ op, of }) => op === 'renew' && of < used))
    return "a holder has its own limiter's ttl";
  if (steps.some(({ op, maxWait }) => op === 'abort' || maxWait)) return 'wait() waits';
  return steps.some(({ which }) => which) ? 'blocks are of keys, not of policies' : undefined;
}

// reservations.test.mjs runs the others.
for (const file of readdirSync(folder).filter((name) => name !== 'reservations.json')) {
  const { vectors } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  const askable = vectors.filter((vector) => !unaskable(vector));
  for (const vector of askable) test(`${file}: ${vector.name}`, () => run(vector));
  test(`${file}: most can be asked through the public API`, () => {
    assert.ok(
      askable.length >= 30 || file === 'gcra.json',
      `${askable.length} of ${vectors.length}`,
    );
  });
}
