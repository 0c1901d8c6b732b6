// Calls given what nobody means: every refusal has a code, names the argument and holds the value; nothing is charged.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { concurrency, createLimiter, fixedWindow, memory, slidingLog, tokenBucket } from 'sluice';
import { manualClock } from 'sluice/testing';
import { still } from '../support/limits.mjs';
import { notNumbers, notWhole, refused } from '../support/refusals.mjs';

const policies = {
  a: tokenBucket({ capacity: 5, every: '1h' }),
  b: slidingLog({ limit: 5, window: '1h' }),
};

test('a key is a string that is not empty', async () => {
  const { limiter } = still(policies);
  const calls = [
    (key) => limiter.check(key),
    async (key) => limiter.checkSync(key),
    async (key) => limiter.checkSync(key, {}),
    (key) => limiter.peek(key),
    (key) => limiter.wait(key),
    (key) => limiter.debit(key, 1),
    (key) => limiter.credit(key, 1),
    (key) => limiter.block(key, '1s'),
    (key) => limiter.unblock(key),
    (key) => limiter.reset(key),
  ];
  const keys = [
    undefined,
    null,
    '',
    5,
    5n,
    true,
    {},
    [],
    ['k'],
    Symbol('k'),
    () => 'k',
    new String('k'),
  ];
  for (const call of calls) {
    for (const key of keys) {
      await assert.rejects(call(key), refused('key', key));
    }
  }
  for (const key of keys) {
    await assert.rejects(limiter.checkMany([{ key: 'k' }, { key }]), refused('checks[1].key', key));
  }
  assert.equal(limiter.stats().memory.keys, 0, 'nothing was charged');
});

test('a key may be as long as a string can well be', () => {
  const { limiter } = still(policies);
  const long = 'k'.repeat(2 ** 24);
  assert.equal(limiter.checkSync(long).remaining, 4);
  assert.equal(limiter.checkSync(`${long}x`).remaining, 4);
  assert.equal(limiter.checkSync(long).remaining, 3);
});

test('a cost is a whole number from 0 to 2^31-1, of all policies or by name', () => {
  const { limiter } = still(policies);
  const wrong = [
    ...notNumbers.slice(1),
    -1,
    1.5,
    Number.NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    2 ** 53,
  ];
  for (const value of wrong) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      assert.throws(() => limiter.checkSync('k', { cost: value }), refused('cost', value));
    }
    assert.throws(
      () => limiter.checkSync('k', { cost: { a: 1, b: value } }),
      refused('cost.b', value),
    );
  }
  assert.equal(limiter.checkSync('k', { cost: -0 }).remaining, 5);
  assert.equal(limiter.checkSync('k', { cost: 2 ** 31 - 1 }).retryAfterMs, Infinity);
  const inherited = Object.create({ a: 5 });
  assert.equal(
    limiter.checkSync('k', { cost: inherited }).remaining,
    4,
    'only its own names count',
  );
});

test('limits are whole numbers from 0 to what the policy can take, by name', () => {
  const { limiter } = still(policies);
  for (const value of [...notNumbers.slice(1), ...notWhole]) {
    assert.throws(
      () => limiter.checkSync('k', { limits: { a: 5, b: value } }),
      refused('limits.b', value),
    );
  }
  assert.throws(() => limiter.checkSync('k', { limits: { b: 100_001 } }), /0 to 100000/);
  // A refill of the bucket takes 12 minutes a unit: 100 days of them, and no more.
  assert.throws(() => limiter.checkSync('k', { limits: { a: 12_001 } }), /0 to 12000/);
  assert.equal(limiter.checkSync('k', { limits: { a: 12_000, b: 100_000 } }).allowed, true);
  for (const limits of [5, null, 'a', [5]]) {
    assert.throws(() => limiter.checkSync('k', { limits }), refused('limits', limits));
  }
  assert.throws(() => limiter.checkSync('k', { limits: { c: 5 } }), { argument: 'limits.c' });
});

test('names that objects inherit are names like any other', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const given = JSON.parse(`{${names.map((name) => `"${name}":0`)}}`);
  for (const name of names) {
    Object.defineProperty(given, name, { enumerable: true, value: policies.a });
  }
  const { limiter } = still(given);
  assert.deepEqual(limiter.policyNames, names);
  for (const name of names) assert.equal(Object.hasOwn(limiter.policies, name), true, name);
  assert.equal(limiter.checkSync('k').policies.length, 5);
  const cost = JSON.parse('{"__proto__":3,"constructor":2}');
  assert.deepEqual(
    limiter.checkSync('k', { cost }).policies.map(({ remaining }) => remaining),
    [1, 2, 3, 3, 3],
  );
  const other = still(policies).limiter;
  for (const name of names) {
    const unknown = JSON.parse(`{"${name}":1}`);
    assert.throws(() => other.checkSync('k', { cost: unknown }), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
    });
    assert.throws(() => other.checkSync('k', unknown), { code: 'ERR_SLUICE_UNKNOWN_OPTION' });
    assert.throws(() => createLimiter({ policies: policies.a, ...unknown, [name]: 1 }), {
      code: 'ERR_SLUICE_UNKNOWN_OPTION',
    });
  }
});

test('policies whose names a header or a Redis key cannot carry are refused', () => {
  for (const name of [
    '',
    ' ',
    'a b',
    'a:b',
    'a"b',
    '{a}',
    'a\nb',
    'é',
    '日本',
    '7',
    '007',
    'x'.repeat(65),
  ]) {
    assert.throws(
      () => createLimiter({ policies: { [name]: policies.a } }),
      (error) => error.code === 'ERR_SLUICE_POLICY_NAME' && error.value === name,
      name,
    );
  }
  for (const name of ['a', 'A-Z_0.9', '7a', '-', '.', 'x'.repeat(64)]) {
    assert.equal(still({ [name]: policies.a }).limiter.checkSync('k').policy, name);
  }
});

test('checks of checkMany that cannot be meant are named by their place, and none is charged', async () => {
  const { limiter } = still(policies);
  for (const [checks, argument] of [
    [undefined, 'checks'],
    [{ key: 'k' }, 'checks'],
    [new Set([{ key: 'k' }]), 'checks'],
    [[{ key: 'k' }, undefined], 'checks[1]'],
    [[{ key: 'k' }, 'k'], 'checks[1]'],
    [[{ key: 'k' }, 5], 'checks[1]'],
    [[{ key: 'k' }, null], 'checks[1].key'],
    [[{ key: 'k' }, {}], 'checks[1].key'],
    [[{ key: 'k' }, { key: 'k', cots: 5 }], 'checks[1].cots'],
    [[{ key: 'k' }, { key: 'k', cost: { c: 5 } }], 'checks[1].cost.c'],
    [[{ key: 'k' }, { key: 'k', limits: { a: -1 } }], 'checks[1].limits.a'],
  ]) {
    await assert.rejects(limiter.checkMany(checks), (error) => {
      assert.match(error.code, /^ERR_SLUICE_/);
      assert.equal(error.argument, argument);
      return true;
    });
  }
  assert.equal(limiter.stats().memory.keys, 0);
});

test('an error from a getter or a proxy reaches the caller, and nothing is charged', async () => {
  const { limiter } = still(policies);
  const mine = new Error('mine');
  const thrower = {
    get a() {
      throw mine;
    },
  };
  const proxy = new Proxy(
    {},
    {
      ownKeys: () => {
        throw mine;
      },
    },
  );
  for (const options of [{ cost: thrower }, { limits: thrower }, { cost: proxy }, proxy]) {
    assert.throws(() => limiter.checkSync('k', options), mine);
    await assert.rejects(limiter.wait('k', options), mine);
  }
  assert.equal(limiter.stats().memory.keys, 0);
  assert.equal(limiter.checkSync('k').remaining, 4);
});

function revoked() {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

test('a value that cannot be printed is refused all the same', () => {
  const inspect = Symbol.for('nodejs.util.inspect.custom');
  let run = 0;
  const { limiter } = still(policies);
  const values = [
    {
      [inspect]() {
        run += 1;
        return '';
      },
    },
    {
      get constructor() {
        throw new Error('mine');
      },
    },
    {
      get [Symbol.toStringTag]() {
        throw new Error('mine');
      },
    },
    new Proxy(
      {},
      {
        get() {
          throw new Error('mine');
        },
      },
    ),
    Object.create(null),
  ];
  for (const key of values) {
    assert.throws(() => limiter.checkSync(key), refused('key', key));
  }
  assert.equal(run, 0, "none of the value's own code is run");
  assert.throws(() => limiter.checkSync(revoked()), { code: 'ERR_SLUICE_KEY', value: undefined });
});

test('a getter that asks the limiter itself spoils no call', () => {
  const { limiter } = still(policies);
  const cost = {
    a: 1,
    get b() {
      limiter.checkSync('inside', { cost: { a: 4, b: 3 } });
      return 2;
    },
  };
  const left = limiter.checkSync('k', { cost, limits: { a: 9, b: 9 } }).policies;
  assert.deepEqual(
    left.map(({ remaining }) => remaining),
    [8, 7],
  );
});

test('a clock that asks limiters inside now() spoils no call of any kind', async () => {
  const other = still(policies).limiter;
  let us = 0;
  const clock = {
    now() {
      other.checkSync(`k${us}`, { cost: { a: 3, b: 4 } });
      return us / 1e3;
    },
  };
  const all = { ...policies, slots: concurrency({ limit: 3, ttl: '1h' }) };
  const limiter = createLimiter({ policies: all, store: memory({ clock }) });
  const left = (decision) => decision.policies.map(({ remaining }) => remaining);
  us += 1;
  const first = limiter.checkSync('k', { cost: { a: 1, b: 2 }, limits: { a: 9 } });
  assert.deepEqual(left(first), [8, 3, 2]);
  await limiter.debit('k', { a: 2, b: 1 });
  assert.deepEqual(left(await limiter.peek('k', { cost: 0 })), [2, 2, 2]);
  await limiter.credit('k', { a: 1, b: 1 });
  assert.deepEqual(left(await limiter.peek('k', { cost: 0 })), [3, 3, 2]);
  const [second] = await limiter.checkMany([{ key: 'k' }, { key: 'other' }]);
  assert.deepEqual(left(second), [2, 2, 1]);
  await limiter.block('k', '1s');
  assert.equal((await limiter.peek('k')).retryAfterMs, 1000);
  assert.equal(await first.holder.release(), true);
  await limiter.unblock('k');
  assert.deepEqual(left(await limiter.wait('k', { cost: 2 })), [0, 0, 1]);
});

test('a clock that throws, or tells no time, fails that call alone', async () => {
  const clock = manualClock();
  let tells = () => clock.now();
  const limiter = createLimiter({ policies, store: memory({ clock: { now: () => tells() } }) });
  limiter.checkSync('k');
  for (const wrong of [Number.NaN, -3e12, Infinity, '5', undefined, null, 5n, {}, 7e12]) {
    tells = () => wrong;
    const expected = refused('clock.now()', wrong);
    assert.throws(() => limiter.checkSync('k'), expected);
    for (const call of [
      limiter.check('k'),
      limiter.peek('k'),
      limiter.debit('k', 1),
      limiter.credit('k', 1),
      limiter.block('k', 1),
      limiter.wait('k', { cost: 2 }),
    ]) {
      await assert.rejects(call, expected);
    }
  }
  tells = () => {
    throw new Error('mine');
  };
  assert.throws(() => limiter.checkSync('k'), { message: 'mine' });
  tells = () => clock.now();
  assert.equal(limiter.checkSync('k').remaining, 3);
});

test('a subscriber of events that asks limiters spoils no decision', async () => {
  const shadow = fixedWindow({ limit: 1, window: '1h', enforce: false });
  const { limiter } = still({ ...policies, shadow });
  let told = 0;
  const listener = ({ key }) => {
    if (key === 'inside') return;
    told += 1;
    for (const cost of [1, 9]) limiter.checkSync('inside', { cost });
  };
  for (const name of ['sluice:denied', 'sluice:would-deny']) subscribe(name, listener);
  try {
    const decisions = await limiter.checkMany([2, 9, 2].map((cost) => ({ key: 'k', cost })));
    assert.deepEqual(
      decisions.map(({ allowed, policies: [a, b] }) => [allowed, a.remaining, b.remaining]),
      [
        [true, 3, 3],
        [false, 3, 3],
        [true, 1, 1],
      ],
    );
    assert.equal(told, 4, 'one denial, and three times a shadow');
  } finally {
    for (const name of ['sluice:denied', 'sluice:would-deny']) unsubscribe(name, listener);
  }
});

test('a limiter closed from within its own clock or subscriber refuses the next call', async () => {
  let limiter;
  const clock = {
    now() {
      limiter?.close();
      return 0;
    },
  };
  limiter = createLimiter({ policies, store: memory({ clock }) });
  assert.equal(limiter.checkSync('k').allowed, true);
  assert.throws(() => limiter.checkSync('k'), { code: 'ERR_SLUICE_CLOSED' });
});
