// The measure of the fault table, compared with a count of every interval.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, testSeed } from '../support/random.mjs';
import { worstOverAdmission } from './over-admission.mjs';

const at = (...times) => times.map((time) => ({ start: time, end: time }));

test('a bucket that gave its capacity and its refill passed nothing', () => {
  assert.equal(worstOverAdmission([], 3, 1), 0);
  assert.equal(worstOverAdmission(at(0, 0, 0, 1, 2, 3), 3, 1), 0);
});

test('what is beyond in any interval is found, however calm the rest', () => {
  assert.equal(worstOverAdmission(at(0, 0, 0, 0), 3, 1), 1);
  assert.equal(worstOverAdmission(at(0, 500, 500.5, 500.5, 501, 501), 3, 1), 1);
  assert.equal(worstOverAdmission(at(0, 0, 10, 10, 10, 10, 10, 10), 2, 0.1), 5);
});

test('an admission counts only where it certainly was made', () => {
  assert.equal(worstOverAdmission([...at(0, 0, 0), { start: 0, end: 1 }], 3, 1), 0);
  assert.equal(worstOverAdmission([...at(0, 0, 0), { start: 0, end: 0.5 }], 3, 1), 0.5);
});

test('random admissions: as counting says', (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 300; round++) {
    const admissions = Array.from({ length: 1 + Math.floor(random() * 30) }, () => {
      const start = 1e6 + Math.floor(random() * 40);
      return { start, end: start + Math.floor(random() * 8) };
    });
    const [capacity, perMs] = [Math.floor(random() * 5), Math.floor(random() * 4) / 2];
    let worst = 0;
    for (const { start: from } of admissions) {
      for (const { end: to } of admissions) {
        if (to < from) continue;
        const inside = admissions.filter(({ start, end }) => start >= from && end <= to).length;
        worst = Math.max(worst, inside - perMs * (to - from) - capacity);
      }
    }
    const found = worstOverAdmission(admissions, capacity, perMs);
    assert.ok(Math.abs(found - worst) < 1e-5, `round ${round}: ${found}, by counting ${worst}`);
  }
});
