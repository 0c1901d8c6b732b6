// The fault table: no fault admits more than its bound, and every check is answered. Times are shown but not judged.
// The decider is judged only in runs during which the machine did not stand still.
// SLUICE_FULL=1: more seeds and the faults' full lengths. SLUICE_SEED: that seed alone. SLUICE_FAULT: rows with that
// text in their names.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { seededRandom, testSeed } from '../support/random.mjs';
import { LOAD } from './load.mjs';
import { strayReasons } from './measure.mjs';
import { rows as access } from './rows-access.mjs';
import { rows as cluster } from './rows-cluster.mjs';
import { rows as sentinel } from './rows-sentinel.mjs';
import { rows as single } from './rows-single.mjs';
import { runRow } from './run-row.mjs';
import { tableOf, worstOf } from './table.mjs';

const full = Boolean(process.env.SLUICE_FULL);
const rows = [...single, ...access, ...cluster, ...sentinel].filter(({ name }) =>
  name.includes(process.env.SLUICE_FAULT ?? ''),
);
/** The refill that rounding to whole ms, or a slewed clock, may bring forward. */
const SLACK = 1;

const first = testSeed();
const random = seededRandom(first);
const more = () => Math.floor(random() * 2 ** 32);
const seeds = full && !process.env.SLUICE_SEED ? [first, more(), more()] : [first];

const lines = [];
const notes = [];
after(() => {
  const worst = seeds.length > 1 ? [worstOf(lines), ''] : [];
  console.log(['', tableOf(lines), '', ...worst, ...notes, ''].join('\n'));
});

/** Runs and judges a row, and adds its measurements to the table. */
async function judge(row, seed) {
  const { rules, workers, windows, note } = await runRow(row, { seed, full });
  const excused = row.unseen ? [] : windows;
  const said = workers.flatMap(({ reasons }) => strayReasons(reasons, excused)).join('; ');
  for (const line of rules) lines.push({ name: row.name, seed, ...line });
  if (note) notes.push(`${row.name}, ${seed}: ${note}`);
  for (const { asked, answered } of workers) {
    assert.ok(asked > 0);
    certainly(answered === asked, `every check is answered: ${answered} of ${asked}`);
  }
  for (const { rule, bound, over } of rules) {
    const beyond = `'${rule}': ${over} beyond the policy, the bound is ${bound}`;
    certainly(over <= bound + SLACK, beyond);
  }
  for (const { rule, strays, errors, byRule, checks } of rules) {
    assert.equal(strays, 0, `'${rule}': outside of the fault the store decides, not so: ${said}`);
    assert.equal(errors, rule === 'throw' ? byRule : 0, `'${rule}': who rejects`);
    assert.ok(checks > byRule, `'${rule}': the store decided some`);
    if (row.unseen) assert.equal(byRule, 0, `'${rule}': nobody sees this fault`);
  }
}

/** A failure that a slow machine cannot explain. */
class Certain extends assert.AssertionError {}

function certainly(condition, message) {
  if (!condition) throw new Certain({ message });
}

/** Records the longest time in ms for which this process did not run: `{ longest(), stop() }`. */
function watchForStalls() {
  let [last, longest] = [performance.now(), 0];
  const timer = setInterval(() => {
    const at = performance.now();
    longest = Math.max(longest, at - last);
    last = at;
  }, 10);
  return { longest: () => longest, stop: () => clearInterval(timer) };
}

for (const row of rows) {
  for (const seed of seeds) {
    const title = `${row.name}: within its bound, and every check is answered`;
    test(title, { skip: row.skip ?? false }, async (t) => {
      t.diagnostic(`SLUICE_SEED=${seed}`);
      for (let tries = 1; ; tries++) {
        const [toldLines, toldNotes] = [lines.length, notes.length];
        const stalls = watchForStalls();
        try {
          return await judge(row, seed);
        } catch (error) {
          // A standstill of half a check's deadline is a fault in itself.
          const stalled = stalls.longest() > LOAD.options.deadlineMs / 2;
          if (!stalled || tries === 3 || error instanceof Certain) throw error;
          t.diagnostic(`once more, as the machine stood still: ${error.message}`);
          lines.length = toldLines;
          notes.length = toldNotes;
        } finally {
          stalls.stop();
        }
      }
    });
  }
}
