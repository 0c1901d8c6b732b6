// The summary of failed tests at the end of a run.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import failures from '../../scripts/lib/failures-reporter.mjs';
import { root } from '../../scripts/lib/steps.mjs';

const at = { file: join(root, 'tests', 'a.test.mjs'), line: 7 };
const failed = (name, error, more) => ({
  type: 'test:fail',
  data: { name, details: { error }, ...at, ...more },
});
const wrapped = (cause, failureType = 'testCodeFailure') =>
  Object.assign(new Error('as the runner has it', { cause }), { failureType });

async function told(...events) {
  const texts = [];
  for await (const text of failures(events)) texts.push(text);
  return texts;
}

test('each failed test is reported once, with its place and its error', async () => {
  const inner = failed('inner', wrapped(new TypeError('no such thing')));
  const outer = failed('outer', wrapped('1 subtest failed', 'subtestsFailed'));
  const passed = { type: 'test:pass', data: { name: 'passed', details: {} } };
  const [text, ...others] = await told(passed, inner, outer);
  assert.match(text, /^tests\/a\.test\.mjs:7: inner\n {4}TypeError: no such thing\n {8}at /);
  assert.deepEqual(others, []);
});

test('values that are not errors are shown as they are; tests to do are left out', async () => {
  const slow = failed('slow', wrapped('test timed out after 5ms', 'testTimeoutFailure'));
  const later = failed('later', wrapped(new Error('not yet')), { todo: true });
  const nowhere = failed('nowhere', wrapped('gone'), { file: undefined });
  assert.deepEqual(await told(slow, later, nowhere), [
    'tests/a.test.mjs:7: slow\n    test timed out after 5ms\n',
    'nowhere\n    gone\n',
  ]);
});
