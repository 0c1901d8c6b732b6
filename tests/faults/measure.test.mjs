// The harness's statistics of the workers' records.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, strayReasons } from './measure.mjs';
import { OUTCOMES, readRecords } from './record.mjs';

const rules = ['local', 'throw'];
const checksOf = (...records) =>
  readRecords(
    new Float64Array(
      records.flatMap(([start, end, key, outcome]) => [
        start,
        end,
        key,
        0,
        OUTCOMES.indexOf(outcome),
      ]),
    ),
    rules,
  );
const run = { capacity: 2, perSecond: 1 };

test('a record comes back as it was written', () => {
  const [check] = checksOf([1, 2.5, 7, 'local:admitted']);
  assert.deepEqual(check, {
    start: 1,
    end: 2.5,
    key: 7,
    rule: 'local',
    outcome: 'local:admitted',
    admitted: true,
    byStore: false,
  });
});

test('a check that the store did not decide is a stray unless it met a fault, from its first ms to its last', () => {
  const windows = [{ from: 10, to: 20 }];
  const checks = checksOf(
    [1, 9, 0, 'error'],
    [1, 10, 0, 'error'],
    [12, 13, 0, 'local:denied'],
    [20, 25, 0, 'deny:denied'],
    [21, 25, 0, 'local:admitted'],
    [1, 30, 0, 'store:admitted'],
    [22, 30, 0, 'store:denied'],
  );
  const { strays, inFault, byRule, errors, longest } = measure(checks, windows, run);
  assert.deepEqual(
    { strays, inFault, byRule, errors, longest },
    { strays: 2, inFault: 4, byRule: 3, errors: 2, longest: 29 },
  );
});

test('the worst key counts; keys do not add up', () => {
  const admitted = (key) => [5, 5, key, 'store:admitted'];
  const checks = checksOf(...[0, 0, 1, 1, 1, 1, 2, 2, 2].map(admitted), [5, 5, 1, 'store:denied']);
  assert.equal(measure(checks, [], run).over, 2);
  assert.equal(measure([], [], run).over, 0);
});

test('of the faults, those outside of the windows are told', () => {
  const reasons = { 'timeout: no answer': [1, 10, 20, 21], 'server: OOM': [15] };
  assert.deepEqual(strayReasons(reasons, [{ from: 10, to: 20 }]), ['2 timeout: no answer']);
});
