// Helpers for tests of bad input: odd values, and the common form of every refusal.

import assert from 'node:assert/strict';
import { test } from 'node:test';

export const notNumbers = [undefined, null, '5', '', 5n, true, {}, [], [5], Symbol('5'), () => 5];
export const notWhole = [
  -1,
  1.5,
  0.999,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 42 + 1,
  5e-324,
];
/** Whether an error names its argument and holds its value. For assert.throws: it throws what is missing. */
export function refused(argument, value) {
  return (error) => {
    assert.ok(error instanceof TypeError || error instanceof RangeError, error);
    assert.match(error.code ?? 'no code', /^ERR_SLUICE_/, error);
    assert.equal(error.argument, argument, error.message);
    assert.ok(Object.is(error.value, value), `${error.message}: it holds another value`);
    assert.ok(error.message.length < 500, 'a message that a log can take');
    return true;
  };
}

/** A test for each row, `[attempt, message]`: it throws, or if async rejects, with this type, code and message. */
export function refuse({ name }, code, rows) {
  for (const [attempt, message] of rows) {
    const text = attempt.toString().replace(/\s+/g, ' ');
    const isAsync = text.startsWith('async');
    test(`${code}: ${text.slice(text.indexOf('=>') + 3)}`, () =>
      (isAsync ? assert.rejects : assert.throws)(attempt, { name, code, message }));
  }
}
