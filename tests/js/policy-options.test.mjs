// The options blockFor, chargeDenied and enforce under every algorithm, and the events of denials.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { concurrency, fixedWindow, tokenBucket } from 'sluice';
import { admitted, brief, still } from '../support/limits.mjs';
import { everyAlgorithm } from '../support/makers.mjs';

/** The messages on `channel` while `run` runs. */
function messagesOn(channel, run) {
  const messages = [];
  const listener = (message) => messages.push(message);
  subscribe(channel, listener);
  try {
    run();
  } finally {
    unsubscribe(channel, listener);
  }
  return messages;
}

for (const name of ['tokenBucket', 'gcra', 'fixedWindow', 'slidingWindow', 'slidingLog']) {
  const make = (options) => everyAlgorithm(1, '1s', options)[name];

  test(`${name}, blockFor: the first denial blocks, and later ones do not extend the block`, () => {
    const { limiter, clock } = still(make({ blockFor: '1m' }));
    assert.equal(limiter.checkSync('a').allowed, true);
    assert.equal(limiter.checkSync('a').retryAfterMs, 60_000);
    clock.advance('40s');
    assert.deepEqual(brief(limiter.checkSync('a')), [false, 0, 20_000, 20_000]);
    assert.equal(limiter.checkSync('a', { cost: 0 }).allowed, true, 'a free call');
    assert.equal(limiter.checkSync('b').allowed, true, 'another key is not blocked');
    clock.advance(19_999.999);
    assert.equal(limiter.checkSync('a').allowed, false);
    clock.advance(0.001);
    assert.equal(limiter.checkSync('a').allowed, true);
  });

  // A fixed window ends, whatever was charged in it.
  if (name !== 'fixedWindow')
    test(`${name}, chargeDenied: a caller that keeps asking stays denied`, () => {
      const { limiter, clock } = still(make({ chargeDenied: true }));
      for (let i = 0; i < 40; i++) {
        assert.equal(limiter.checkSync('a').allowed, i === 0, `call ${i}`);
        clock.advance(i % 4 === 3 ? 100 : 300);
      }
      clock.advance('3s');
      assert.equal(limiter.checkSync('a').allowed, true, 'a caller that waits is admitted');
    });

  test(`${name}, chargeDenied: retryAfterMs counts the charge of the denial`, () => {
    const { limiter, clock } = still(make({ chargeDenied: true }));
    limiter.checkSync('a');
    clock.advance(500);
    const { retryAfterMs } = limiter.checkSync('a');
    clock.advance(retryAfterMs);
    assert.equal(limiter.checkSync('a').allowed, true);
  });

  test(`${name}, enforce: false: denies nothing, and reports each would-be denial`, () => {
    const { limiter } = still(make({ enforce: false }));
    assert.equal(admitted(limiter, 'a', 10), 10);
    const { allowed, retryAfterMs, policies } = limiter.checkSync('a');
    assert.deepEqual([allowed, retryAfterMs], [true, 0]);
    assert.deepEqual([policies[0].allowed, policies[0].retryAfterMs > 0], [false, true]);
  });
}

test('a call that can never be admitted starts no block', () => {
  const { limiter } = still(tokenBucket({ capacity: 1, every: '1s', blockFor: '1h' }));
  assert.equal(limiter.checkSync('a', { cost: 2 }).retryAfterMs, Number.POSITIVE_INFINITY);
  assert.equal(limiter.checkSync('a').allowed, true);
});

test('retryAfterMs is the longer of the block and the policy itself', () => {
  const { limiter } = still(fixedWindow({ limit: 1, window: '1h', blockFor: '1m' }));
  limiter.checkSync('a');
  assert.equal(limiter.checkSync('a').retryAfterMs, 3_600_000);
});

test('a block of one policy is a denial by that policy alone', () => {
  const { limiter, clock } = still({
    strict: tokenBucket({ capacity: 1, every: '1s', blockFor: '1m' }),
    loose: tokenBucket({ capacity: 100, every: '1s' }),
  });
  limiter.checkSync('a');
  const denied = limiter.checkSync('a');
  assert.equal(denied.policy, 'strict');
  clock.advance('30s');
  const { policy, policies } = limiter.checkSync('a');
  assert.equal(policy, 'strict');
  assert.deepEqual(
    policies.map(({ allowed }) => allowed),
    [false, true],
  );
});

test('a denied check charges every policy with chargeDenied, whichever policy denied it', () => {
  const { limiter } = still({
    denies: fixedWindow({ limit: 1, window: '1m' }),
    counts: fixedWindow({ limit: 10, window: '1m', chargeDenied: true }),
    neither: fixedWindow({ limit: 10, window: '1m' }),
  });
  const left = () => limiter.checkSync('a').policies.map(({ remaining }) => remaining);
  assert.deepEqual(left(), [0, 9, 9]);
  assert.deepEqual(left(), [0, 8, 9]);
  assert.deepEqual(left(), [0, 7, 9]);
});

test('a shadow is charged by admitted calls, and only reports its own blocks', () => {
  const { limiter, clock } = still({
    real: tokenBucket({ capacity: 5, every: '1h' }),
    shadow: fixedWindow({ limit: 2, window: '1s', enforce: false, blockFor: '1m' }),
  });
  const shadow = () => limiter.checkSync('a').policies[1];
  assert.deepEqual([shadow().remaining, shadow().remaining], [1, 0]);
  assert.deepEqual([shadow().allowed, shadow().retryAfterMs], [false, 60_000]);
  clock.advance('30s');
  assert.equal(shadow().retryAfterMs, 30_000);
  assert.equal(limiter.checkSync('a').allowed, false, 'the enforcing policy denies the sixth call');
});

test('a shadow binds only if no policy enforces', () => {
  const shadow = tokenBucket({ capacity: 1, every: '1h', enforce: false });
  const real = tokenBucket({ capacity: 9, every: '1h' });
  const both = still({ shadow, real }).limiter;
  assert.equal(both.checkSync('a').policy, 'real');
  assert.equal(both.checkSync('a').policy, 'real');
  assert.equal(still({ shadow }).limiter.checkSync('a').policy, 'shadow');
});

test('a concurrency shadow admits calls without a free slot', async () => {
  const { limiter } = still(concurrency({ limit: 1, ttl: '1m', enforce: false }));
  const [first, second] = [limiter.checkSync('a'), limiter.checkSync('a')];
  assert.deepEqual([first.allowed, second.allowed], [true, true]);
  assert.equal(second.policies[0].allowed, false);
  assert.equal(await second.holder.release(), false, 'it held no slot');
  assert.equal(await first.holder.release(), true);
});

test('sluice:would-deny publishes each would-be denial, policy by policy', () => {
  const { limiter } = still({
    a: fixedWindow({ limit: 1, window: '1m', enforce: false }),
    b: fixedWindow({ limit: 1, window: '1m', enforce: false }),
    real: fixedWindow({ limit: 3, window: '1m' }),
  });
  const messages = messagesOn('sluice:would-deny', () => {
    limiter.checkSync('k');
    limiter.checkSync('k', { cost: { b: 0 } });
    limiter.checkSync('k');
    limiter.checkSync('k', { cost: { a: 0, b: 0 } }); // only `real` denies
  });
  assert.deepEqual(
    messages.map(({ key, policy, decision }) => [key, policy.policy, decision.allowed]),
    [
      ['k', 'a', true],
      ['k', 'a', true],
      ['k', 'b', true],
    ],
  );
});

test('sluice:denied publishes a denial with its key and decision, and no peek', async () => {
  const { limiter } = still(fixedWindow({ limit: 1, window: '1m' }));
  let decisions;
  const messages = messagesOn('sluice:denied', () => {
    decisions = [limiter.checkSync('k'), limiter.checkSync('k')];
    limiter.peek('k');
  });
  assert.equal(messages.length, 1);
  assert.equal(messages[0].key, 'k');
  assert.equal(messages[0].decision, decisions[1]);
});

test('a subscriber of sluice:denied may call the same limiter', () => {
  const { limiter } = still({
    a: fixedWindow({ limit: 1, window: '1m' }),
    b: fixedWindow({ limit: 9, window: '1m', enforce: false }),
  });
  limiter.checkSync('k');
  let inside;
  const ask = ({ key }) => {
    if (key === 'k') inside = limiter.checkSync('other');
  };
  subscribe('sluice:denied', ask);
  try {
    const denied = limiter.checkSync('k');
    assert.deepEqual([denied.allowed, denied.policy], [false, 'a']);
    assert.deepEqual(
      denied.policies.map(({ allowed, remaining }) => [allowed, remaining]),
      [
        [false, 0],
        [true, 8],
      ],
    );
    assert.equal(inside.allowed, true);
  } finally {
    unsubscribe('sluice:denied', ask);
  }
});
