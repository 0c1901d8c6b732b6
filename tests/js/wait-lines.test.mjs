// wait: the lines that a limiter keeps itself, where the algorithm gives no turn ahead.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after, test } from 'node:test';
import { concurrency, fixedWindow, gcra, tokenBucket } from 'sluice';
import { settle, still } from '../support/limits.mjs';
import { gone, queue } from '../support/queue.mjs';

// A call that hangs fails by its own test's time limit, not because nothing else is left to do.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

test('a call of the same tick lines up behind a denied one, whatever it costs', async () => {
  const { limiter, clock } = still(fixedWindow({ limit: 3, window: '1s' }));
  limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  enter('large', { cost: 3 });
  enter('small', { cost: 1 });
  await settle();
  assert.deepEqual(ended, []);
  await advance(2000, 1000);
  assert.deepEqual(ended, ['large in at 1000', 'small in at 2000']);
});

const oneSlot = concurrency({ limit: 1, ttl: '1h' });

test('a slot given back goes to the first of the line', async () => {
  const { limiter, clock } = still(oneSlot);
  const { holder } = limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  const a = enter('a');
  enter('b');
  await settle();
  await advance(1000, 50);
  assert.deepEqual(ended, []);
  await holder.release();
  await advance(50);
  assert.deepEqual(ended, ['a in at 1050']);
  await (await a).holder.release();
  await advance(50);
  assert.deepEqual(ended.slice(1), ['b in at 1100']);
});

test('no later call is checked before the calls that still wait', async () => {
  const { limiter, clock } = still(oneSlot);
  const { holder } = limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  const a = enter('a');
  enter('b');
  await settle();
  await holder.release();
  await advance(50);
  await advance(20);
  await (await a).holder.release();
  enter('c'); // there is a free slot, but b was first
  await settle();
  await advance(80, 10);
  assert.deepEqual(ended, ['a in at 50', 'b in at 100']);
});

test('the last call that leaves a line lets no call in before the waiting ones', async () => {
  const { limiter, clock } = still(oneSlot);
  const { holder } = limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  enter('a');
  await settle();
  const controller = new AbortController();
  enter('b', { signal: controller.signal }).catch(() => {});
  await settle();
  controller.abort(gone);
  await settle();
  await advance(20);
  await holder.release();
  enter('c'); // there is a free slot, but a was first
  await settle();
  await advance(80, 10);
  assert.deepEqual(ended, ['b GONE at 0', 'a in at 50']);
});

test('one that leaves from the middle of a line does not let those behind past those before', async () => {
  const { limiter, clock } = still(oneSlot);
  const { holder } = limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  const controller = new AbortController();
  enter('a');
  enter('b', { signal: controller.signal }).catch(() => {});
  enter('c');
  await settle();
  controller.abort(gone);
  await settle();
  await holder.release();
  await advance(100, 10);
  assert.deepEqual(ended, ['b GONE at 0', 'a in at 50']);
});

test('a slot is waited for only as long as maxWaitMs', async () => {
  const { limiter, clock } = still(oneSlot);
  limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  enter('a', { maxWaitMs: 120 });
  await settle();
  await advance(200, 10);
  assert.deepEqual(ended, ['a denied at 120']);
});

test('a wait for a slot that a window would deny for too long is denied at once', async () => {
  const { limiter } = still({ slots: oneSlot, window: fixedWindow({ limit: 2, window: '1h' }) });
  limiter.checkSync('k', { cost: { window: 2 } });
  assert.equal((await limiter.wait('k', { maxWaitMs: 1000 })).allowed, false);
  const never = await limiter.wait('k', { cost: { window: 3 } });
  assert.equal(never.retryAfterMs, Number.POSITIVE_INFINITY);
});

test('a slot whose holder died is passed on after its ttl', async () => {
  const { limiter, clock } = still(concurrency({ limit: 1, ttl: '1s' }));
  limiter.checkSync('k');
  const { ended, enter, advance } = queue(limiter, clock);
  enter('a');
  await settle();
  await advance(1000, 50);
  assert.deepEqual(ended, ['a in at 1000']);
});

test('an aborted wait gives back the slot beside a bucket whose turn has not come', async () => {
  const { limiter, clock } = still({
    slots: oneSlot,
    spaced: gcra({ limit: 10, every: '1s', burst: 1 }),
  });
  const first = await limiter.wait('k');
  await first.holder.release();
  const controller = new AbortController();
  const waiting = limiter.wait('k', { signal: controller.signal });
  await settle();
  assert.equal((await limiter.peek('k', { cost: { slots: 1, spaced: 0 } })).allowed, false);
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  assert.equal((await limiter.peek('k', { cost: { slots: 1, spaced: 0 } })).allowed, true);
  clock.advance(100);
  assert.equal(limiter.checkSync('k').allowed, true, 'and the turn');
});

test('a hundred calls wait in order, and each gets one turn', async () => {
  for (const policy of [
    fixedWindow({ limit: 7, window: 100 }),
    tokenBucket({ capacity: 7, refill: 7, every: 100 }),
  ]) {
    const { limiter, clock } = still(policy);
    const { ended, enter, advance } = queue(limiter, clock);
    const calls = Array.from({ length: 100 }, (_, i) => enter(i));
    await settle();
    assert.equal(ended.length, 7);
    await advance(1500, 1);
    assert.deepEqual(
      ended.map((line) => Number(line.split(' ')[0])),
      calls.map((_, i) => i),
    );
    for (let second = 0; second < 14; second++) {
      const within = ended.filter((line) => {
        const at = Number(line.split(' at ')[1]);
        return at > second * 100 && at <= (second + 1) * 100;
      });
      assert.ok(within.length <= 7, `${within.length} in one window`);
    }
    const { allowed, denied } = limiter.stats();
    assert.deepEqual([allowed, denied], [100, 0], 'each counts once, however often it asked');
  }
});

test('close rejects the calls that wait in line at once', async () => {
  const { limiter, clock } = still(fixedWindow({ limit: 1, window: '1h' }));
  limiter.checkSync('k');
  const { ended, enter } = queue(limiter, clock);
  const controller = new AbortController();
  enter('a', { signal: controller.signal });
  enter('b');
  await settle();
  await limiter.close();
  await settle();
  assert.deepEqual(ended, ['a ERR_SLUICE_CLOSED at 0', 'b ERR_SLUICE_CLOSED at 0']);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  await assert.rejects(limiter.wait('k'), { code: 'ERR_SLUICE_CLOSED' });
});

test('close: an admitted call still gets its turn', async () => {
  const { limiter, clock } = still(gcra({ limit: 10, every: '1s', burst: 1 }));
  await limiter.wait('k');
  const call = limiter.wait('k');
  await settle();
  await limiter.close();
  clock.advance(100);
  assert.equal((await call).allowed, true);
});
