// The addon's own functions with wrong arguments: each call throws an error, and none ends the process.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  endpoint,
  HOLDER,
  memoryLimiter,
  NUMBERS,
  native,
  openStore,
  policyOf,
  redisOptions,
  say,
} from '../support/addon.mjs';

const WRONG = [undefined, null, true, 5, Number.NaN, 5n, 'text', Symbol('s'), [], {}, () => {}];
const notStrings = WRONG.filter((value) => typeof value !== 'string');
const notNumbers = WRONG.filter((value) => typeof value !== 'number' || Number.isNaN(value));
const notWhole = [-2, 1.5, 2 ** 54, 1e300, Infinity, -Infinity, Number.NaN];

/** Expects a TypeError or RangeError with a text, as the addon throws them. */
function refuses(call, what) {
  assert.throws(
    call,
    (error) =>
      (error instanceof TypeError || error instanceof RangeError) &&
      /must (be|have|come)|refuses/.test(error.message),
    what,
  );
}

const KIND = { check: 0, peek: 1, reset: 2, debit: 3, abort: 5, release: 6, renew: 7, block: 8 };

test('a policy has six parts of the right types, and numbers that can be converted', () => {
  for (const read of [native.policyFault, native.largestLimit, native.stateTag]) {
    for (const wrong of WRONG) refuses(() => read(wrong), `${read.name} of ${String(wrong)}`);
    refuses(() => read());
    refuses(() => read(policyOf().slice(0, 5)));
    for (const [i, wrongs] of [
      [0, notStrings],
      [1, [...notStrings, 'none', '']],
      [2, [...WRONG, [5, 5], [5, 5, 1_000_000, 0], Array(9).fill(5)]],
      [3, [...notNumbers, ...notWhole, -1, 101 * 86_400e6]],
      ...[4, 5].map((i) => [i, WRONG.filter((value) => typeof value !== 'boolean')]),
    ]) {
      for (const wrong of wrongs) {
        const policy = policyOf('default', 'tokenBucket', { [i]: wrong });
        refuses(() => read(policy), `${read.name}, part ${i}: ${String(wrong)}`);
      }
    }
    for (const wrong of [...notNumbers, 1.5]) {
      for (const place of [0, 1, 2]) {
        const numbers = NUMBERS.tokenBucket.with(place, wrong);
        refuses(() => read(policyOf('default', 'tokenBucket', { 2: numbers })), String(wrong));
      }
    }
  }
  for (const number of [-1, -1e300, 2 ** 53, 1e300, Infinity, -Infinity]) {
    const policy = policyOf('default', 'tokenBucket', { 2: [number, 5, 1_000_000] });
    assert.notEqual(native.policyFault(policy), 0, String(number));
    refuses(() => native.largestLimit(policy));
    refuses(() => native.stateTag(policy));
  }
  for (const [algorithm, place, wrong] of [
    ['leakyBucket', 3, 2],
    ['leakyBucket', 3, -1],
    ['fixedWindow', 2, 3],
    ['fixedWindow', 2, -1],
  ]) {
    const numbers = NUMBERS[algorithm].with(place, wrong);
    assert.equal(native.policyFault(policyOf('default', algorithm, { 2: numbers })), 8);
  }
});

test('a limiter has 1 to 16 policies with distinct names that Redis can hold unescaped', () => {
  const named = (...names) => names.map((name) => policyOf(name));
  const wrong = [
    ...WRONG,
    [policyOf('default', 'tokenBucket', { 2: [-1, 5, 1_000_000] })],
    named(...Array.from({ length: 17 }, (_, i) => `p${i}`)),
    named('a', 'a'),
    ...['', '5', '60000', 'a b', 'a:b', 'a}b', 'é', 'a\0', 'x'.repeat(65)].map((name) => [
      policyOf(name),
    ]),
  ];
  for (const policies of wrong) {
    const what = inspect(policies);
    refuses(() => native.makeMemoryLimiter(openStore(), policies, 'p', 's', ''), what);
    refuses(() => native.makeRedisLimiter(redisOptions({ policies })), what);
  }
  memoryLimiter(named(...Array.from({ length: 16 }, (_, i) => `p${i}`)));
});

test('a store has a size and a clock, and a handle is of its own type', () => {
  refuses(() => native.openMemoryStore());
  for (const name of notStrings.slice(1)) {
    refuses(() => native.openMemoryStore(name, 100, false, 0));
  }
  for (const keys of [...notNumbers, ...notWhole, 0, 2 ** 33]) {
    refuses(() => native.openMemoryStore(undefined, keys, false, 0), String(keys));
  }
  for (const offset of [...notNumbers, ...notWhole.slice(1)]) {
    refuses(() => native.openMemoryStore(undefined, 100, false, offset), String(offset));
  }
  refuses(() => native.openMemoryStore(undefined, 100, 'yes', 0));
  refuses(() => native.openMemoryStore(undefined, 100, true, 1));

  const session = native.makeClientSession('client', false, false);
  const handles = {
    store: openStore(),
    backend: session.backend,
    source: native.makePasswordSource(1000),
    tls: native.makeTls({
      ca: '',
      cert: '',
      key: '',
      passphrase: '',
      servername: '',
      verify: false,
    }),
  };
  const others = (kind) => [
    ...Object.entries(handles).flatMap(([name, handle]) => (name === kind ? [] : [handle])),
    ...WRONG,
  ];
  for (const store of others('store')) {
    refuses(() => native.memoryStoreStats(store));
    refuses(() => native.makeMemoryLimiter(store, [policyOf()], 'p', 's', ''));
  }
  for (const backend of others('backend').filter((handle) => handle !== undefined)) {
    refuses(() => native.makeRedisLimiter(redisOptions({ backend })));
  }
  for (const [option, kind] of [
    ['passwordSource', 'source'],
    ['tls', 'tls'],
  ]) {
    for (const handle of others(kind).filter((one) => one !== undefined)) {
      const servers = { mode: 'single', servers: [endpoint({ [option]: handle })] };
      refuses(() => native.makeRedisLimiter(redisOptions({ servers })));
    }
  }
});

test('a check in memory has a key, a cost and the time of its clock', () => {
  const { check, peek } = memoryLimiter();
  for (const call of [check, peek]) {
    refuses(() => call());
    for (const key of notStrings) refuses(() => call(key));
    for (const cost of [...notNumbers, ...notWhole, -1, 2 ** 31]) {
      refuses(() => call('k', cost), String(cost));
    }
    for (const now of [...notNumbers, ...notWhole, 0, 5]) {
      refuses(() => call('k', 1, now), String(now));
    }
  }
  const still = memoryLimiter([policyOf()], openStore(true));
  refuses(() => still.check('k'));
  refuses(() => still.check('k', 1, -1));
  assert.equal(still.check('k', 1, 5) & 1, 1);
  const slots = memoryLimiter([policyOf('a'), policyOf('b', 'concurrency')]);
  refuses(() => slots.check('k'));
  refuses(() => slots.peek('k'));
});

test('a call in memory has the index of a limiter', () => {
  const { index } = native.makeMemoryLimiter(openStore(), [policyOf()], 'p', 's', '');
  say();
  for (const wrong of [...notNumbers.filter((value) => !Number.isNaN(value)), -1, index + 1000]) {
    refuses(() => native.memoryCheck(wrong, 'k'), String(wrong));
    refuses(() => native.memoryPeek(wrong, 'k'), String(wrong));
    refuses(() => native.memoryAct(wrong, KIND.check, 'k', -1), String(wrong));
  }
});

test('a limiter in memory has its index until it is collected, then another may have it', async () => {
  const make = () => native.makeMemoryLimiter(openStore(), [policyOf()], 'p', 's', '');
  const kept = make();
  const collected = Array.from({ length: 50 }, make).map(({ index }) => index);
  assert.equal(new Set([kept.index, ...collected]).size, 51);
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  await new Promise((resolve) => setImmediate(resolve));
  refuses(() => native.memoryCheck(collected[0], 'k'));
  assert.equal(native.memoryCheck(kept.index, 'k') & 1, 1);
  assert.ok(make().index <= Math.max(...collected));
});

test('a call in memory has a kind, keys, and numbers that a call of its kind can have', () => {
  const policies = [policyOf('a'), policyOf('b', 'slidingLog'), policyOf('c', 'concurrency')];
  const { act } = memoryLimiter(policies);
  say();
  refuses(() => act());
  for (const kind of [...notNumbers, ...notWhole, -1, 15]) {
    refuses(() => act(kind, 'k', -1, HOLDER), String(kind));
  }
  const keys = [
    ...notStrings,
    ['k'],
    ['k', 'k'],
    ['k', 'k', 5],
    new Array(3),
    Array.from({ length: 4 }, () => 'k'),
  ];
  for (const wrong of keys) refuses(() => act(KIND.check, wrong, -1, HOLDER));
  for (const holder of [...notStrings, '', 'x', '0'.repeat(32), `${HOLDER.slice(1)}g`]) {
    refuses(() => act(KIND.check, 'k', -1, holder), String(holder));
  }
  for (const id of notStrings.slice(1)) refuses(() => act(KIND.check, 'k', -1, HOLDER, id));
  for (const kind of Object.values(KIND)) {
    for (const span of [...notWhole, 101 * 86_400e6]) {
      say(span);
      refuses(() => act(kind, 'k', -1, HOLDER), `span ${span}`);
    }
    for (const which of [...notWhole, -1, 2 ** 31]) {
      say(5, which);
      refuses(() => act(kind, 'k', -1, HOLDER), `which ${which}`);
    }
    for (const flags of [...notWhole, -1, 4]) {
      say(5, 0, flags);
      refuses(() => act(kind, 'k', -1, HOLDER), `flags ${flags}`);
    }
    for (const units of [...notWhole, -1, 2 ** 31]) {
      say(5, 0, 1, units);
      refuses(() => act(kind, 'k', -1, HOLDER), `units ${units}`);
    }
    for (const second of [...notWhole, 2 ** 53 + 2]) {
      say(5, 0, 1, 1, second);
      refuses(() => act(kind, 'k', -1, HOLDER), `limit or mark ${second}`);
    }
  }
  say(5, 0, 0, 1, 100_001);
  refuses(() => act(KIND.check, 'k', -1, HOLDER), 'a limit above that of a log');
  say(-1);
  refuses(() => act(KIND.block, 'k', -1), 'a block without a span');
  refuses(() => act(KIND.abort, 'k', -1), 'an abort without marks');
});

test('a limiter over Redis has servers, and options of the right types', () => {
  refuses(() => native.makeRedisLimiter());
  for (const wrong of WRONG) refuses(() => native.makeRedisLimiter(wrong));
  const node = endpoint();
  const sets = [
    ...WRONG,
    { mode: 'single', servers: [] },
    { mode: 'cluster', servers: [], node },
    { mode: 'sentinel', servers: [], node, master: 'm' },
    { mode: 'cluster', servers: [node] },
    { mode: 'sentinel', servers: [node], node },
    { mode: 'none', servers: [node], node },
    ...WRONG.map((servers) => ({ mode: 'single', servers })),
    ...WRONG.map((server) => ({ mode: 'single', servers: [server] })),
    ...[...notNumbers, ...notWhole, 65536].map((port) => ({
      mode: 'single',
      servers: [endpoint({ port })],
    })),
    ...[...notNumbers, ...notWhole, -1].map((database) => ({
      mode: 'single',
      servers: [endpoint({ database })],
    })),
    ...['host', 'path', 'user', 'password'].flatMap((name) =>
      notStrings.map((value) => ({ mode: 'single', servers: [endpoint({ [name]: value })] })),
    ),
  ];
  for (const servers of sets) {
    refuses(() => native.makeRedisLimiter(redisOptions({ servers })), inspect(servers));
  }
  const wrong = {
    prefix: notStrings,
    idScope: notStrings,
    plan: notStrings,
    description: notStrings,
    onStoreError: [...notNumbers, ...notWhole, -1, 4],
    deadlineUs: [...notNumbers, ...notWhole, 0, -1],
    denialCache: [undefined, 1, 'yes'],
  };
  const wrongLocally = {
    localPolicies: [...WRONG, [policyOf('other')], [policyOf('default', 'gcra')]],
    localShare: [...notNumbers, 0, -1, 1.5],
    maxKeys: [...notNumbers, ...notWhole, 0],
  };
  for (const [options, rule] of [
    [wrong, 3],
    [wrongLocally, 0],
  ]) {
    for (const [name, values] of Object.entries(options)) {
      for (const value of values) {
        const given = redisOptions({ onStoreError: rule, [name]: value });
        refuses(() => native.makeRedisLimiter(given), `${name}: ${String(value)}`);
      }
    }
  }
});

test('a question to Redis that is refused is not queued', () => {
  const policies = [policyOf('a'), policyOf('b', 'concurrency')];
  const session = native.makeClientSession('client', false, false);
  const over = (given) =>
    native.makeRedisLimiter(
      redisOptions({ backend: session.backend, policies: given, onStoreError: 3 }),
    );
  const plain = over([policyOf()]);
  const slots = over(policies);
  refuses(() => plain.ask());
  for (const kind of [...notNumbers, ...notWhole, -1, 15]) {
    refuses(() => plain.ask(kind, 'k', 1, 0));
  }
  for (const key of notStrings) refuses(() => plain.ask(KIND.check, key, 1, 0));
  for (const cost of [...notNumbers, ...notWhole, 2 ** 31]) {
    refuses(() => plain.ask(KIND.check, 'k', cost, 0), String(cost));
  }
  for (const ticket of [...notNumbers, ...notWhole, -1]) {
    refuses(() => plain.ask(KIND.check, 'k', 1, ticket), String(ticket));
  }
  for (const kind of Object.values(KIND).slice(2)) refuses(() => plain.ask(kind, 'k', 1, 0));
  refuses(() => plain.ask(KIND.check, ['k'], 1, 0));
  refuses(() => slots.ask(KIND.check, 'k', 1, 0));
  say();
  for (const kind of [KIND.check, KIND.release, KIND.renew]) {
    refuses(() => slots.ask(kind, 'k', -1, 0), 'without a holder');
  }
  for (const keys of [['k'], ['k', 5], ['k', 'k', 'k'], [], {}]) {
    refuses(() => slots.ask(KIND.check, keys, -1, 0, HOLDER));
  }
  for (const text of notStrings.slice(1)) {
    refuses(() => slots.ask(KIND.check, 'k', -1, 0, text));
    refuses(() => slots.ask(KIND.check, 'k', -1, 0, HOLDER, text));
    refuses(() => slots.ask(KIND.check, 'k', -1, 0, HOLDER, undefined, text));
  }
  for (const units of [...notWhole, -1]) {
    say(-1, 0, 0, units);
    refuses(() => slots.ask(KIND.check, 'k', -1, 0, HOLDER), String(units));
  }
  plain.flush();
  slots.flush();
  assert.equal(session.take(), undefined, 'nothing was sent');
  plain.close();
  slots.close();
});

test('a session with a client, TLS, passwords, claims and receivers take what they are for', () => {
  refuses(() => native.makeClientSession());
  for (const address of notStrings) refuses(() => native.makeClientSession(address, false));
  for (const cluster of [undefined, 1, 'yes'])
    refuses(() => native.makeClientSession('c', cluster));
  for (const maps of [undefined, 1, () => 5])
    refuses(() => native.makeClientSession('c', true, maps));
  const session = native.makeClientSession('client', false, false);
  for (const nodes of [...WRONG.filter((value) => !Array.isArray(value)), [1], ['a'], [-1]]) {
    refuses(() => session.route(nodes));
  }
  for (const id of [...notNumbers, ...notWhole, -1]) {
    refuses(() => session.reply(id, 5));
    refuses(() => session.fail(id, 'why'));
  }
  for (const why of notStrings) refuses(() => session.fail(1, why));
  for (const value of [...WRONG, [Number.NaN, 1], [[1]], [{}], 2n ** 70n]) session.reply(1, value);

  for (const options of [...WRONG, { ca: '' }]) refuses(() => native.makeTls(options));
  for (const id of [...notNumbers, ...notWhole, -1, 2 ** 32]) {
    refuses(() => native.makePasswordSource(id));
  }
  for (const ticket of [...notNumbers, ...notWhole, -1]) {
    refuses(() => native.answerPassword(ticket, 'secret', undefined));
  }
  refuses(() => native.answerPassword(1, undefined, undefined));
  for (const claims of [...WRONG.slice(0, 8), [5], [['a']], [['a', 5]], [['a', 'b', 'c']]]) {
    refuses(() => native.claimPolicies('scope', claims, ''));
    refuses(() => native.makeRedisLimiter(redisOptions({ numbers: claims })));
  }
  for (const text of notStrings) {
    refuses(() => native.claimPolicies(text, [], ''));
    refuses(() => native.claimPolicies('scope', [], text));
    refuses(() => native.makeRedisLimiter(redisOptions({ onStoreError: 0, localStore: text })));
  }
  for (const on of ['onAnswers', 'onBreaker', 'onWarning', 'onPasswordWanted']) {
    for (const receiver of WRONG.slice(0, -1)) refuses(() => native[on](receiver), on);
  }
});
