// The functions that make policies, with wrong options.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedWindow, gcra, slidingLog } from 'sluice';
import { MAKERS } from '../support/makers.mjs';
import { notNumbers, notWhole, refused } from '../support/refusals.mjs';

const notSpans = [
  undefined,
  null,
  '',
  '5',
  's',
  '1 s',
  '1S',
  '-1s',
  '1e3s',
  '0x1s',
  '١s',
  '1s\n',
  'month',
  5n,
  {},
  ['1s'],
  Symbol('1s'),
];
const notPositive = [
  0,
  -0,
  -1,
  0.0001,
  Number.NaN,
  Infinity,
  -Infinity,
  '0s',
  '0.0000001ms',
  2 ** 53,
];

for (const { make, counts, span } of Object.values(MAKERS)) {
  const right = { ...Object.fromEntries(counts.map((name) => [name, 5])), [span]: '1s' };
  const refuses = (option, value) =>
    assert.throws(
      () => make({ ...right, [option]: value }),
      refused(`${make.name}.${option}`, value),
    );
  const optional = (option) => option === 'refill' || option === 'burst';

  test(`${make.name} takes whole numbers and durations, and nothing else`, () => {
    assert.equal(make(right).limit, 5);
    for (const option of counts) {
      for (const value of [...notNumbers, ...notWhole]) {
        if (value === undefined && optional(option)) continue;
        refuses(option, value);
      }
    }
    for (const value of [...notSpans, ...notPositive]) {
      if (value === 'month' && make === fixedWindow) continue;
      refuses(span, value);
    }
    for (const option of counts) {
      const isRate = make === gcra ? option === 'limit' : option === 'refill' || option === 'leak';
      for (const value of [0, -0]) {
        if (isRate) refuses(option, value);
        else assert.equal(make({ ...right, [option]: value }).limit, 0, option);
      }
    }
    refuses(counts[0], 2 ** 42 + 1);
    if (make === slidingLog) refuses('limit', 100_001);
  });

  test(`${make.name}: no span is longer than 100 days`, () => {
    const slow = { ...right, ...(counts.includes('refill') ? { refill: 1 } : {}) };
    const wrong = { ...slow, [span]: '101d' };
    assert.throws(() => make(wrong), { code: 'ERR_SLUICE_POLICY', name: 'RangeError' });
    if (counts.length === 1)
      assert.equal(make({ ...right, [span]: '100d' }).windowMs, 8_640_000_000);
  });

  test(`${make.name} refuses wrong options`, () => {
    const policy = (value) => () => make({ ...right, ...value });
    for (const value of [1, 'true', null, {}, 0]) {
      for (const flag of ['enforce', 'chargeDenied']) {
        assert.throws(policy({ [flag]: value }), refused(`${make.name}.${flag}`, value));
      }
    }
    for (const value of [...notSpans.slice(1), ...notPositive, '101d']) {
      assert.throws(policy({ blockFor: value }), refused(`${make.name}.blockFor`, value));
    }
    for (const options of [undefined, null, 5, '5', [], () => {}]) {
      assert.throws(() => make(options), refused(make.name, options));
    }
    assert.throws(policy({ blokFor: '1s' }), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
      message: /'blockFor'/,
    });
    assert.throws(policy({ ['x'.repeat(1e6)]: 1 }), (error) => error.message.length < 500);
  });

  test(`${make.name}: accepts frozen options and Symbol keys`, () => {
    const options = Object.freeze({ ...right, [Symbol('mine')]: 1 });
    assert.equal(make(options).limit, 5);
    const bare = Object.assign(Object.create(null), right);
    assert.equal(make(bare).limit, 5);
  });

  test(`${make.name}: an error from a getter reaches the caller`, () => {
    const options = { ...right };
    Object.defineProperty(options, counts[0], {
      enumerable: true,
      get() {
        throw new Error('mine');
      },
    });
    assert.throws(() => make(options), { message: 'mine' });
  });
}
