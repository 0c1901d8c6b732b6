// How often a line asks its store to take turns back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lines } from '../../dist/limiter/turns.js';
import { settle } from '../support/limits.mjs';

const CALLS = 100;

/** Calls that wait in one line. `takesBack`: whether the store takes a turn back, by its number. */
function line(takesBack) {
  const lines = new Lines({ now: () => 0, timers: globalThis });
  const asked = [];
  const giveBack = (turn) => {
    asked.push(turn);
    return takesBack(turn);
  };
  const turns = Array.from({ length: CALLS }, (_, turn) =>
    lines.enter(['line'], [1000], () => () => () => giveBack(turn)),
  );
  return { turns, asked };
}

test('calls that give up before those of another process are asked about twice at most', async () => {
  const { turns, asked } = line(async () => false);
  for (const turn of turns.toReversed()) {
    turn.giveUp();
    await settle();
  }
  assert.ok(asked.length <= 2 * CALLS, `${asked.length} questions about ${CALLS} calls`);
});

test('all turns come back once the other process has gone, in few rounds', async () => {
  let others = true;
  let left = CALLS;
  const { turns, asked } = line(async (turn) => {
    if (others || turn !== left - 1) return false;
    left--;
    return true;
  });
  for (const turn of turns.slice(0, -1)) turn.giveUp();
  await settle();
  others = false;
  turns.at(-1).giveUp();
  for (let i = 0; i < 10; i++) await settle();
  assert.equal(left, 0);
  assert.ok(asked.length <= 2 * CALLS, `${asked.length} questions about ${CALLS} calls`);
});
