// The circuit breaker, the server's errors, stats() and localShare, over a scripted and a real server.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
import { error, greet, raw, silence, startFakeRedis } from '../support/fake-redis.mjs';
import { freePort } from '../support/ports.mjs';
import { startRedis, until } from '../support/redis-server.mjs';

/** A bucket that was full answers so. */
const full = ([, , keys]) => raw(`*${Number(keys) + 1}\r\n:1\r\n${':0\r\n'.repeat(keys)}`);

function limiterAt(server, options = {}) {
  return createLimiter({
    policies: tokenBucket({ capacity: 10, refill: 1, every: '1h' }),
    store: redis(server),
    deadlineMs: 100,
    ...options,
  });
}

/** The breaker's states at that address, as they are published. */
function listen(t, url) {
  const states = [];
  const note = ({ address, state }) => {
    if (`redis://${address}` === url) states.push(state);
  };
  subscribe('sluice:breaker', note);
  t.after(() => unsubscribe('sluice:breaker', note));
  return states;
}

async function fakeServer(t, answer) {
  const fake = await startFakeRedis(answer);
  t.after(() => fake.stop());
  return fake;
}

test('a server that falls silent: the breaker opens, one check at a time tries, and it closes', async (t) => {
  let silent = false;
  const fake = await fakeServer(t, (command) => {
    if (command[0] !== 'EVALSHA') return undefined;
    return silent ? silence : full(command);
  });
  const states = listen(t, fake.url);
  const patient = limiterAt(fake.url, { deadlineMs: 60_000 });
  assert.equal((await patient.check('k')).source, 'store');
  const limiter = limiterAt(fake.url);
  silent = true;
  // A deadline that passed while this process stood still is not held against the server.
  await until('the breaker opens', async () => {
    assert.equal((await limiter.check('k')).source, 'local');
    return limiter.stats().redis.nodes[0].breaker === 'open';
  });
  const asked = () => fake.commands.filter(([name]) => name === 'EVALSHA').length;
  const before = asked();
  await Promise.all(Array.from({ length: 100 }, () => limiter.check('k')));
  assert.ok(asked() <= before + 1, 'at most a probe was sent');
  // Replies match commands by their order: an unanswered command would take the next one's reply.
  silent = false;
  fake.answer = (command) => (command[0] === 'EVALSHA' ? full(command) : undefined);
  await until('the store decides again', async () => {
    await sleep(5);
    return (await limiter.check('k')).source === 'store';
  });
  await until('it is told', () => states.at(-1) === 'closed');
  assert.deepEqual(states.slice(0, 2), ['open', 'half-open']);
  assert.equal(limiter.stats().redis.breakerOpenings >= 1, true);
  await Promise.all([limiter.close(), patient.close()]);
});

test('errors of the server itself open the breaker; the others are one check’s own', async (t) => {
  const opens = ['READONLY', 'LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN', 'NOAUTH'];
  for (const code of [...opens, 'OOM', 'NOPERM', 'MISCONF']) {
    let failing = true;
    const fake = await fakeServer(t, (command) => {
      if (command[0] !== 'EVALSHA') return undefined;
      return failing ? error(code) : full(command);
    });
    const limiter = limiterAt(fake.url, { onStoreError: 'throw', deadlineMs: 60_000 });
    const refused = { code: 'ERR_SLUICE_STORE_UNAVAILABLE', message: new RegExp(`: ${code}`) };
    await assert.rejects(limiter.check('k'), refused);
    const { breaker } = limiter.stats().redis.nodes[0];
    assert.equal(breaker !== 'closed', opens.includes(code), code);
    failing = false;
    await until(`${code} is over`, () => limiter.check('k').catch(() => false));
    assert.equal(limiter.stats().redis.nodes[0].breaker, 'closed');
    const again = fake.connections > 1;
    assert.equal(again, ['READONLY', 'MASTERDOWN', 'NOAUTH'].includes(code), `${code}: reconnects`);
    await limiter.close();
  }
});

test('a breaker that opens and closes all the time: every check is answered', async (t) => {
  let asked = 0;
  const fake = await fakeServer(t, (command) => {
    if (command[0] !== 'EVALSHA') return undefined;
    return asked++ % 2 === 0 ? full(command) : error('LOADING');
  });
  const limiter = limiterAt(fake.url);
  const openings = () => limiter.stats().redis.breakerOpenings;
  const keepAsking = async () => {
    while (openings() < 60) {
      await limiter.check('k');
      await sleep(0);
    }
  };
  // More answers are on their way at each change than one thread can take before the next ones come.
  await Promise.all(Array.from({ length: 64 }, keepAsking));
  await limiter.close();
});

test('operations other than checks outlast an error of the server', async (t) => {
  let failures = 3;
  const fake = await fakeServer(t, (command) => {
    if (command[0] !== 'EVALSHA') return undefined;
    return failures-- > 0 ? error('LOADING') : raw('*2\r\n:1\r\n:0\r\n');
  });
  const limiter = limiterAt(fake.url);
  await limiter.debit('k', 3);
  assert.equal(failures, -1);
  assert.equal(limiter.stats().redis.retries, 3);
  await limiter.close();
});

for (const [what, scripted] of [
  ['WRONGPASS', (name) => name === 'AUTH' && error('WRONGPASS')],
  ['max clients', () => error('ERR', 'max number of clients reached')],
  ['LOADING', (name) => name === 'PING' && error('LOADING')],
  ['NOPERM', (name) => name === 'SELECT' && error('NOPERM')],
]) {
  test(`turned away at the door (${what}): known at once, and tried again`, async (t) => {
    let closed = true;
    const fake = await fakeServer(t, (command) => {
      if (closed) return scripted(command[0]) || undefined;
      return command[0] === 'EVALSHA' ? full(command) : greet(command);
    });
    const user = what === 'WRONGPASS' ? { username: 'u', password: 'hunter2' } : { database: 1 };
    const limiter = limiterAt(
      { url: fake.url, ...user },
      {
        onStoreError: 'throw',
        deadlineMs: 60_000,
      },
    );
    await assert.rejects(limiter.check('k'), ({ message }) => {
      assert.doesNotMatch(message, /hunter2/);
      return message.includes('refused');
    });
    closed = false;
    await until('it is let in', () => limiter.check('k').catch(() => false));
    await limiter.close();
  });
}

test('a real server: a replica is left, a master is used; stats() tell it by node', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const limiter = limiterAt(server.url, {
    onStoreError: 'throw',
    deadlineMs: 60_000,
    prefix: 'role',
  });
  await limiter.check('k');
  await server.command('REPLICAOF', '127.0.0.1', String(await freePort()));
  await assert.rejects(limiter.check('k'), /READONLY|MASTERDOWN/);
  await server.command('REPLICAOF', 'NO', 'ONE');
  await until('the store decides', () => limiter.check('k').catch(() => false));
  const { nodes, ...total } = limiter.stats().redis;
  assert.equal(nodes.length, 1);
  assert.equal(`redis://${nodes[0].address}`, server.url);
  assert.ok(total.reconnects >= 1);
  assert.ok(0 < total.p50Ms && total.p50Ms <= total.p99Ms && total.p99Ms <= total.p999Ms);
  assert.ok(total.meanBatch >= 1 && total.meanBatch <= total.largestBatch);
  assert.equal(total.batches, nodes[0].batches);
  await limiter.close();
});

test('localShare: this process allows its part of the limits, at least 1', async () => {
  const away = redis(`redis://127.0.0.1:${await freePort()}`);
  const policies = {
    burst: tokenBucket({ capacity: 9, refill: 3, every: '1h' }),
    daily: fixedWindow({ limit: 7, window: '1d' }),
    few: fixedWindow({ limit: 1, window: '1d', enforce: false }),
  };
  const limiter = createLimiter({ policies, store: away, localShare: 0.5, prefix: 'share' });
  const decision = await limiter.check('k');
  assert.equal(decision.source, 'local');
  assert.deepEqual(
    decision.policies.map(({ limit }) => limit),
    [4, 3, 1],
  );
  const raised = await limiter.check('k2', { limits: { daily: 100 } });
  assert.equal(raised.policies[1].limit, 50);
  await limiter.close();
  for (const localShare of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => createLimiter({ policies, store: away, localShare }), {
      name: 'RangeError',
      code: 'ERR_SLUICE_OPTIONS',
    });
  }
  assert.throws(() => createLimiter({ policies, store: away, localShare: '1' }), TypeError);
  // Full in 99 days, of 100 at most; a tenth of the rate is rounded down to 1 a day.
  const slow = tokenBucket({ capacity: 1880, refill: 19, every: '1d' });
  assert.throws(() => createLimiter({ policies: slow, store: away, localShare: 0.1 }), {
    code: 'ERR_SLUICE_OPTIONS',
    argument: 'localShare',
  });
});
