// Processes that reserve and are killed: afterwards the ledger balances to the unit.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { concurrency, createLimiter, fixedWindow, redis } from 'sluice';
import { seededNumbers, testSeed } from '../support/random.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server, client } = await useRedis();
const program = fileURLToPath(new URL('../support/reserving-loop.mjs', import.meta.url));
const KILLS = process.env.SLUICE_FULL ? 200 : 8;
/** The kills of one round, which must end before the store forgets the settled ones. */
const KILLS_AT_ONCE = 4;
const LIMIT = 2 ** 40;
const TTL_MS = 1000;

const policies = {
  tokens: fixedWindow({ limit: LIMIT, window: '90d' }),
  jobs: concurrency({ limit: 50, ttl: '1d' }),
};

/** The sum of what closed reservations were charged, and what they were charged by holder, as Redis tells it. */
async function closedIn(prefix) {
  const charges = new Map();
  for (const name of await client.keys(`${prefix}:{k}:closed1:*`)) {
    const [, , tokens] = (await client.get(name)).split(' ');
    charges.set(name.split(':').at(-1), Number(tokens));
  }
  const [ledger] = await client.keys(`${prefix}:{k}:tokens:*:r`);
  const open = [];
  for (const [holder, record] of Object.entries(await client.hgetall(ledger))) {
    const [kind, , charged] = record.split(' ');
    if (kind === 'x') charges.set(holder, Number(charged));
    else open.push(record);
  }
  return { charges, open };
}

test(`after ${KILLS} kills the charges are those of the settled and the dead`, async (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const below = seededNumbers(seed);
  for (let round = 0; round < KILLS / KILLS_AT_ONCE; round++) {
    const prefix = `kills${round}`;
    const limiter = createLimiter({
      policies,
      store: redis(server.url),
      prefix,
      onStoreError: 'throw',
      deadlineMs: 60_000,
      denialCache: false,
    });
    const told = new Map();
    const dead = Array.from({ length: KILLS_AT_ONCE }, async () => {
      const options = {
        url: server.url,
        prefix,
        limit: LIMIT,
        ttlMs: TTL_MS,
        seed: below(2 ** 32),
      };
      const child = fork(program, [JSON.stringify(options)]);
      child.on('message', ({ holder, usage }) => told.set(holder, usage));
      await once(child, 'message');
      await sleep(below(300));
      child.kill('SIGKILL');
      await once(child, 'close');
    });
    await Promise.all(dead);
    await sleep(TTL_MS + 50);
    const { policies: states } = await limiter.peek('k');
    const [tokens, jobs] = states;
    assert.equal(jobs.remaining, 50, 'no slot leaks');
    const { charges, open } = await closedIn(prefix);
    assert.deepEqual(open, [], 'all have ended');
    const sum = [...charges.values()].reduce((a, b) => a + b, 0);
    assert.equal(LIMIT - tokens.remaining, sum, `round ${round}`);
    for (const [holder, usage] of told) assert.equal(charges.get(holder), usage, holder);
    assert.ok(told.size > 0);
    await limiter.close();
  }
});
