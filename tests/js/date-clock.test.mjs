// A memory store on a clock that tells dates: before 1970, far ahead, and those that it cannot count with.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow, memory } from 'sluice';
import { dateClock } from 'sluice/testing';
import { everyAlgorithm } from '../support/makers.mjs';

const policies = {
  ...everyAlgorithm(3, '30s'),
  'fixedWindow of the clock': fixedWindow({ limit: 3, window: '1m', align: 'clock' }),
  'fixedWindow of the calendar': fixedWindow({ limit: 3, window: 'month', align: 'clock' }),
};
/** How long each is denied when it was used up on such a date. */
const waits = {
  tokenBucket: 10_000,
  gcra: 10_000,
  leakyBucket: 10_000,
  fixedWindow: 30_000,
  'fixedWindow of the clock': 45_000,
  'fixedWindow of the calendar': 45_000,
  slidingLog: 30_000,
  concurrency: 30_000,
};
// A quarter of a minute after 23:59 of a month's last day, so that all windows end with the minute or later.
const dates = [
  '1900-01-31T23:59:15Z',
  '1931-02-28T23:59:15Z',
  '1969-12-31T23:59:15Z',
  '1970-01-31T23:59:15Z',
  '2026-11-30T23:59:15Z',
  '2069-12-31T23:59:15Z',
  '2070-01-31T23:59:15Z',
  '2099-12-31T23:59:15Z',
  '2116-02-29T23:59:15Z',
  '2179-12-31T23:59:15Z',
];

/** A limiter whose Date tells what `at` says. */
function onDates(t, given) {
  let ms = 0;
  t.mock.method(Date, 'now', () => ms);
  const limiter = createLimiter({ policies: given, store: memory({ clock: dateClock() }) });
  const at = (date, later = 0) => {
    ms = Date.parse(date) + later;
    return limiter;
  };
  return { limiter, at };
}

for (const [name, policy] of Object.entries(policies)) {
  test(`dateClock: a ${name} counts on any date from 1900 to 2180`, async (t) => {
    for (const date of dates) {
      const { at } = onDates(t, policy);
      for (const remaining of [2, 1, 0]) {
        assert.equal(at(date).checkSync('k').remaining, remaining, date);
      }
      const denied = at(date).checkSync('k');
      assert.equal(denied.allowed, false, date);
      const wait = waits[name] ?? denied.retryAfterMs;
      assert.equal(denied.retryAfterMs, wait, date);
      assert.equal(at(date, wait - 1).checkSync('k').allowed, false, date);
      assert.equal(at(date, wait).checkSync('k').allowed, true, date);
    }
  });

  test(`dateClock: a ${name} gives a charge back before 1970 too`, async (t) => {
    for (const date of ['1900-01-31T23:59:15Z', '1969-12-31T23:59:15Z', '2179-12-31T23:59:15Z']) {
      const { at, limiter } = onDates(t, policy);
      const charge = at(date).checkSync('k', { cost: 2 });
      if (charge.holder) await charge.holder.release();
      else await limiter.credit('k', 2, { of: charge });
      assert.equal((await at(date, 1).peek('k')).remaining, 3, date);
    }
  });
}

test('dateClock: a jump of a century forward leaves keys new, and one back admits nothing more', async (t) => {
  for (const policy of [
    policies.tokenBucket,
    policies['fixedWindow of the clock'],
    policies.slidingLog,
  ]) {
    const { at } = onDates(t, policy);
    at('1999-06-01T00:00:00Z').checkSync('k', { cost: 3 });
    const ahead = at('2099-06-01T00:00:00Z').checkSync('k', { cost: 3 });
    assert.equal(ahead.allowed, true);
    assert.equal((await at('1999-06-01T00:00:00Z').peek('k')).allowed, false);
    assert.equal((await at('2099-06-01T00:01:00Z').peek('k')).allowed, true);
  }
});

test('dateClock: a date that the store cannot count with is named', async (t) => {
  const { at } = onDates(t, policies.tokenBucket);
  for (const date of ['1899-12-31T23:59:59.999Z', '2180-01-01T00:00:00.001Z', '+275760-09-13']) {
    assert.throws(
      () => at(date).checkSync('k'),
      (error) => {
        assert.ok(error instanceof RangeError);
        assert.equal(error.code, 'ERR_SLUICE_CLOCK');
        assert.equal(error.argument, 'clock.now()');
        assert.match(error.message, /1900.*2180/);
        return true;
      },
    );
    await assert.rejects(at(date).check('k'), { code: 'ERR_SLUICE_CLOCK' });
  }
  assert.equal(at('2026-01-01').checkSync('k').remaining, 2, 'and nothing was charged');
});
