// concurrency: the holders of slots.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrency, createLimiter, fixedWindow } from 'sluice';
import { settle, still } from '../support/limits.mjs';

const slots = (limit, extra) => concurrency({ limit, ttl: '1m', ...extra });
const free = async (limiter, key = 'k') => (await limiter.peek(key, { cost: 0 })).remaining;

test('an admitted call holds a slot until it releases it, and releasing again is harmless', async () => {
  const { limiter } = still(slots(2));
  const [a, b] = [limiter.checkSync('k'), await limiter.check('k')];
  assert.equal(limiter.checkSync('k').allowed, false);
  assert.equal(await a.holder.release(), true);
  assert.equal(await a.holder.release(), false);
  assert.equal(await a.holder.release(), false);
  assert.equal(await free(limiter), 1, 'b holds on');
  assert.equal(await b.holder.release(), true);
  assert.equal(await free(limiter), 2);
});

test('a release after the slot has expired and was taken by another takes nothing from that one', async () => {
  const { limiter, clock } = still(slots(1));
  const { holder } = limiter.checkSync('k');
  clock.advance('1m');
  const other = limiter.checkSync('k');
  assert.equal(other.allowed, true);
  assert.equal(await holder.release(), false);
  assert.equal(await holder.renew(), false);
  assert.equal(limiter.checkSync('k').allowed, false, 'the other still holds it');
  assert.equal(await other.holder.release(), true);
});

test('a holder that renews keeps its slot; one that does not loses it after ttl', async () => {
  const { limiter, clock } = still(slots(2));
  const { holder } = limiter.checkSync('k');
  limiter.checkSync('k');
  clock.advance('40s');
  assert.equal(await holder.renew(), true);
  clock.advance('20s');
  assert.equal(await free(limiter), 1);
  clock.advance(39_999.999);
  assert.equal(await free(limiter), 1);
  clock.advance(0.001);
  assert.equal(await free(limiter), 2);
  assert.equal(await holder.renew(), false, 'too late');
  assert.equal(await free(limiter), 2, 'and no slot is taken by renewing');
});

test('a denial says when the first slot expires, and a reset when all have', async () => {
  const { limiter, clock } = still(slots(2));
  limiter.checkSync('k');
  clock.advance('10s');
  limiter.checkSync('k');
  const { retryAfterMs, resetAfterMs } = limiter.checkSync('k');
  assert.deepEqual([retryAfterMs, resetAfterMs], [50_000, 60_000]);
});

test('a call that asks for nothing holds nothing; one that was denied neither', async () => {
  const { limiter } = still({ slots: slots(1), window: fixedWindow({ limit: 2, window: '1h' }) });
  assert.equal(limiter.checkSync('k', { cost: 0 }).holder, undefined);
  assert.equal(limiter.checkSync('k', { cost: { slots: 0 } }).holder, undefined);
  const { holder } = limiter.checkSync('k');
  assert.equal(limiter.checkSync('k').holder, undefined);
  await holder.release();
  assert.equal(limiter.checkSync('k').policy, 'window', 'the window has been used up');
  assert.equal((await limiter.peek('k', { cost: 0 })).policies[0].remaining, 1);
  assert.equal((await limiter.peek('k')).holder, undefined);
});

test('one holder holds a slot of each concurrency policy, each for its own ttl', async () => {
  const { limiter, clock } = still({
    short: concurrency({ limit: 1, ttl: '1s' }),
    long: concurrency({ limit: 1, ttl: '1h' }),
  });
  const { holder } = limiter.checkSync('k');
  clock.advance('1s');
  const left = async () => (await limiter.peek('k', { cost: 0 })).policies.map((p) => p.remaining);
  assert.deepEqual(await left(), [1, 0]);
  assert.equal(await holder.renew(), false, 'not all of them were still held');
  assert.equal(await holder.release(), false);
  assert.deepEqual(await left(), [1, 1], 'what was held has been given back');
});

test('ids are 32 hexadecimal digits, each new', () => {
  const { limiter } = still(slots(3000));
  const ids = Array.from({ length: 3000 }, () => limiter.checkSync('k').holder.id);
  assert.equal(new Set(ids).size, 3000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  // Each of the 128 bits is set in about half of them: none is constant.
  for (let bit = 0; bit < 128; bit++) {
    const set = ids.filter((id) => (Number.parseInt(id[bit >> 2], 16) >> (bit & 3)) & 1).length;
    assert.ok(set > 1200 && set < 1800, `bit ${bit} is set in ${set} of 3000`);
  }
});

test('a holder is of its key: another key keeps its slots', async () => {
  const { limiter } = still(slots(1));
  const [a, b] = [limiter.checkSync('a'), limiter.checkSync('b')];
  assert.equal(await a.holder.release(), true);
  assert.equal(limiter.checkSync('b').allowed, false);
  assert.equal(await b.holder.release(), true);
});

test('a holder lets go after its limiter is closed', async () => {
  const { limiter, store } = still(slots(1));
  const { holder } = limiter.checkSync('k');
  await limiter.close();
  assert.equal(await holder.release(), true);
  assert.equal(createLimiter({ policies: slots(1), store }).checkSync('k').allowed, true);
});

test('the slots of a decision print as an id alone', () => {
  const { limiter } = still(slots(1));
  const decision = limiter.checkSync('k');
  assert.deepEqual(JSON.parse(JSON.stringify(decision)).holder, { id: decision.holder.id });
});

test('limiters of one store share slots, under any ttl, and either may hold them', async () => {
  const { limiter, store, clock } = still(slots(2));
  const shorter = createLimiter({ policies: concurrency({ limit: 2, ttl: '1s' }), store });
  limiter.checkSync('k');
  shorter.checkSync('k');
  assert.equal(limiter.checkSync('k').allowed, false);
  clock.advance('1s');
  assert.equal(limiter.checkSync('k').allowed, true, 'each slot knows its own end');
});

test('holders over keys of parts let go of the slots of every part', async () => {
  const policies = {
    tenant: slots(2, { by: 'tenant' }),
    user: slots(1, { by: ['tenant', 'user'] }),
  };
  for (const extra of [{}, { shardBy: 'tenant' }]) {
    const { limiter } = still(policies, extra);
    const one = limiter.checkSync({ tenant: 't', user: 'u1' });
    assert.equal(limiter.checkSync({ tenant: 't', user: 'u1' }).policy, 'user');
    limiter.checkSync({ tenant: 't', user: 'u2' });
    assert.equal(limiter.checkSync({ tenant: 't', user: 'u3' }).policy, 'tenant');
    assert.equal(await one.holder.release(), true);
    assert.equal(limiter.checkSync({ tenant: 't', user: 'u1' }).allowed, true);
  }
});

test('many holders come and go, and never more than the limit at once', async () => {
  const { limiter, clock } = still(slots(5));
  let most = 0;
  let held = 0;
  let served = 0;
  const call = async (i) => {
    const { allowed, holder } = await limiter.wait('k');
    assert.ok(allowed);
    held += 1;
    most = Math.max(most, held);
    for (let turn = 0; turn < i % 4; turn++) await settle();
    held -= 1;
    served += 1;
    assert.equal(await holder.release(), true);
  };
  const calls = Promise.all(Array.from({ length: 60 }, (_, i) => call(i)));
  while (served < 60) {
    await settle();
    clock.advance(10);
  }
  await calls;
  assert.equal(most, 5);
  assert.equal(await free(limiter), 5);
});
