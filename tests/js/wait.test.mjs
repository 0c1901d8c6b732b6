// wait: calls that wait for their turn, on a clock that the test moves.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, test } from 'node:test';
import {
  concurrency,
  createLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  memory,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';
import { dateClock } from 'sluice/testing';
import { settle, still } from '../support/limits.mjs';
import { gone, queue } from '../support/queue.mjs';

// A call that hangs fails by its own test's time limit, not because nothing else is left to do.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

const everyTenth = {
  tokenBucket: tokenBucket({ capacity: 1, refill: 10, every: '1s' }),
  gcra: gcra({ limit: 10, every: '1s', burst: 1 }),
  leakyBucket: leakyBucket({ capacity: 1, leak: 10, every: '1s' }),
};
const windows = {
  fixedWindow: fixedWindow({ limit: 1, window: 100 }),
  slidingLog: slidingLog({ limit: 1, window: 100 }),
};

for (const [name, policy] of Object.entries({ ...everyTenth, ...windows })) {
  test(`${name}: calls are admitted first in, first out, each at its time`, async () => {
    const { limiter, clock } = still(policy);
    const { ended, enter, advance } = queue(limiter, clock);
    for (const call of ['a', 'b', 'c', 'd']) enter(call);
    await settle();
    assert.deepEqual(ended, ['a in at 0']);
    await advance(99);
    assert.equal(ended.length, 1);
    await advance(1);
    assert.deepEqual(ended, ['a in at 0', 'b in at 100']);
    await advance(200, 100);
    assert.deepEqual(ended.slice(2), ['c in at 200', 'd in at 300']);
  });

  test(`${name}: a call that cannot be admitted within maxWaitMs is denied at once`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.wait('k');
    const denied = await limiter.wait('k', { maxWaitMs: 99 });
    assert.deepEqual([denied.allowed, clock.now()], [false, 0]);
    assert.ok(denied.retryAfterMs > 0);
    const call = limiter.wait('k', { maxWaitMs: 100 });
    clock.advance(100);
    assert.equal((await call).allowed, true, 'and one that can is not');
  });

  test(`${name}: a caller that moves the clock in the tick of its call is served`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.wait('k');
    const call = limiter.wait('k');
    clock.advance(100);
    assert.equal((await call).allowed, true);
  });

  test(`${name}: aborted before, nothing is asked`, async () => {
    const { limiter } = still(policy);
    const reason = new Error('no more');
    await assert.rejects(limiter.wait('k', { signal: AbortSignal.abort(reason) }), reason);
    assert.equal((await limiter.peek('k')).allowed, true);
  });

  test(`${name}: aborted while it waits, it rejects with the reason, and later is too late`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.wait('k');
    const controller = new AbortController();
    const call = limiter.wait('k', { signal: controller.signal });
    await settle();
    const reason = new Error('no more');
    controller.abort(reason);
    await assert.rejects(call, reason);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);

    const other = new AbortController();
    const second = limiter.wait('k', { signal: other.signal });
    await settle();
    clock.advance(100);
    assert.equal((await second).allowed, true);
    assert.equal(getEventListeners(other.signal, 'abort').length, 0, 'nobody listens any more');
    other.abort(reason);
    assert.equal(limiter.checkSync('k').allowed, false, 'and nothing came back');
  });

  test(`${name}: a cost of 0 passes the waiting calls; other keys have lines of their own`, async () => {
    const { limiter, clock } = still(policy);
    const { ended, enter } = queue(limiter, clock);
    enter('a');
    enter('b');
    enter('other', {}, 'other key');
    await settle();
    assert.deepEqual(ended, ['a in at 0', 'other in at 0']);
  });

  test(`${name}: what can never be admitted is denied at once`, async () => {
    const { limiter } = still(policy);
    const denied = await limiter.wait('k', { cost: 2 });
    assert.deepEqual([denied.allowed, denied.retryAfterMs], [false, Number.POSITIVE_INFINITY]);
  });

  test(`${name}: a block is waited out, if there is time`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.block('k', '1s');
    assert.equal((await limiter.wait('k', { maxWaitMs: 999 })).allowed, false);
    const { ended, enter, advance } = queue(limiter, clock);
    enter('a', { maxWaitMs: 1000 });
    await settle();
    await advance(1000, 250);
    assert.deepEqual(ended, ['a in at 1000']);
  });
}

for (const [name, policy] of Object.entries(everyTenth)) {
  test(`${name}: the last in line that gives up gives its turn to the next that comes`, async () => {
    const { limiter, clock } = still(policy);
    const { ended, enter, advance } = queue(limiter, clock);
    const controller = new AbortController();
    enter('a');
    enter('b');
    enter('c', { signal: controller.signal }).catch(() => {});
    await settle();
    controller.abort(gone);
    await settle();
    enter('d');
    await settle();
    await advance(200, 100);
    assert.deepEqual(ended, ['a in at 0', 'c GONE at 0', 'b in at 100', 'd in at 200']);
  });

  test(`${name}: a call that gives up amid the line never lets two later ones into one slot`, async () => {
    const { limiter, clock } = still(policy);
    const { ended, enter, advance } = queue(limiter, clock);
    const controller = new AbortController();
    enter('a');
    enter('b', { signal: controller.signal }).catch(() => {});
    enter('c');
    enter('d');
    await settle();
    controller.abort();
    await settle();
    for (const call of ['e', 'f', 'g']) enter(call);
    await settle();
    await advance(1000, 50);
    const times = ended
      .filter((line) => line.includes(' in at '))
      .map((line) => Number(line.split(' at ')[1]));
    assert.equal(times.length, 6);
    for (const [i, time] of times.entries()) {
      if (i > 0) assert.ok(time - times[i - 1] >= 100, `${ended.join(', ')}`);
    }
  });

  test(`${name}: a wait charges ahead, so that checks meanwhile are denied`, async () => {
    const { limiter, clock } = still(policy);
    await limiter.wait('k');
    const waiting = limiter.wait('k');
    await settle();
    const denied = limiter.checkSync('k');
    assert.deepEqual([denied.allowed, denied.retryAfterMs], [false, 200]);
    clock.advance(100);
    assert.equal((await waiting).delayMs, 100, 'as long as it waited');
    clock.advance(99);
    assert.equal(limiter.checkSync('k').allowed, false);
    clock.advance(1);
    assert.equal(limiter.checkSync('k').allowed, true);
  });
}

test('a shaping bucket holds a waiting call back for its delay', async () => {
  const { limiter, clock } = still(
    leakyBucket({ capacity: 3, leak: 10, every: '1s', mode: 'shape' }),
  );
  const { ended, enter, advance } = queue(limiter, clock);
  for (const call of 'abcde') enter(call);
  await settle();
  await advance(400, 50);
  assert.deepEqual(
    ended,
    [0, 100, 200, 300, 400].map((at, i) => `${'abcde'[i]} in at ${at}`),
  );
});

test('a sliding window is asked again until it admits', async () => {
  const { limiter, clock } = still(slidingWindow({ limit: 10, window: '10s' }));
  limiter.checkSync('k', { cost: 10 });
  const { ended, enter, advance } = queue(limiter, clock);
  enter('a', { cost: 3 });
  enter('b', { cost: 2 });
  await settle();
  await advance(20_000, 1);
  assert.deepEqual(ended, ['a in at 13008', 'b in at 15000']);
});

test('windows and buckets together: the line waits for the window, then each for its turn', async () => {
  const { limiter, clock } = still({
    window: fixedWindow({ limit: 2, window: '1s' }),
    spaced: gcra({ limit: 10, every: '1s', burst: 1 }),
  });
  const { ended, enter, advance } = queue(limiter, clock);
  for (const call of 'abcd') enter(call);
  await settle();
  await advance(2000, 50);
  assert.deepEqual(ended, ['a in at 0', 'b in at 100', 'c in at 1000', 'd in at 1100']);
});

test('fake timers drive waits through dateClock', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1_700_000_000_000 });
  for (const policies of [everyTenth.gcra, windows.fixedWindow]) {
    const limiter = createLimiter({ policies, store: memory({ clock: dateClock() }) });
    await limiter.wait('k');
    let done = false;
    const call = limiter.wait('k').then((decision) => {
      done = true;
      return decision;
    });
    await settle();
    t.mock.timers.tick(99);
    await settle();
    assert.equal(done, false);
    t.mock.timers.tick(1);
    assert.equal((await call).allowed, true);
  }
});

test('on the real clock waits are admitted too', async () => {
  for (const policies of [
    gcra({ limit: 1000, every: '1s', burst: 1 }),
    slidingLog({ limit: 2, window: 5 }),
  ]) {
    const limiter = createLimiter({ policies });
    const calls = Array.from({ length: 10 }, () => limiter.wait('k'));
    assert.ok((await Promise.all(calls)).every(({ allowed }) => allowed));
  }
});

test('a signal without listeners rejects the call, and ends nothing else', async () => {
  const { limiter, clock } = still(tokenBucket({ capacity: 1, every: '1s' }));
  limiter.checkSync('k');
  const { signal } = new AbortController();
  const fault = new Error('mine');
  Object.defineProperty(signal, 'addEventListener', {
    value() {
      throw fault;
    },
  });
  await assert.rejects(limiter.wait('k', { signal }), fault);
  clock.advance('2s');
  await settle();
  assert.equal(limiter.checkSync('k').allowed, true, 'its turn was given back');
});

test('wrong arguments are refused by name', async () => {
  const { limiter } = still(concurrency({ limit: 1, ttl: '1h' }));
  for (const [options, name, code, argument] of [
    [{ maxWaitMs: -1 }, 'RangeError', 'ERR_SLUICE_OPTIONS', 'maxWaitMs'],
    [{ maxWaitMs: Number.NaN }, 'RangeError', 'ERR_SLUICE_OPTIONS', 'maxWaitMs'],
    [{ maxWaitMs: '1s' }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'maxWaitMs'],
    [{ maxWaitMs: null }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'maxWaitMs'],
    [{ signal: {} }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'signal'],
    [{ signal: null }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'signal'],
    [{ signal: { throwIfAborted() {} } }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'signal'],
    [{ signal: new AbortController() }, 'TypeError', 'ERR_SLUICE_OPTIONS', 'signal'],
    [{ maxWait: 5 }, 'TypeError', 'ERR_SLUICE_UNKNOWN_OPTION', 'wait.maxWait'],
    [{ cost: -1 }, 'RangeError', 'ERR_SLUICE_COST', 'cost'],
    [7, 'TypeError', 'ERR_SLUICE_OPTIONS', 'wait'],
  ]) {
    await assert.rejects(limiter.wait('k', options), { name, code, argument });
  }
  assert.equal(limiter.checkSync('k').allowed, true, 'nothing was taken');
});
