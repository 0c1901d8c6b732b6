// check(key, { id }) under a concurrency policy, when the answer comes too late: whose slot is given back.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrency, createLimiter, redis } from 'sluice';
import { startFaultProxy } from '../support/fault-proxy.mjs';
import { useRedis } from '../support/use-redis.mjs';

const unavailable = { code: 'ERR_SLUICE_STORE_UNAVAILABLE' };

const { server, client } = await useRedis();

let prefixes = 0;

/** Two processes as Redis sees them, one of them behind a bad line, before one slot. */
async function twoSides() {
  const prefix = `late${prefixes++}`;
  const proxy = await startFaultProxy({ to: server.port });
  const open = (url, deadlineMs) =>
    createLimiter({
      policies: concurrency({ limit: 1, ttl: '1h' }),
      store: redis(url),
      prefix,
      onStoreError: 'throw',
      denialCache: false,
      deadlineMs,
    });
  const far = open(proxy.url, 50);
  const near = open(server.url, 60_000);
  await twoAnswers(far);
  return {
    near,
    proxy,
    /** Checks over the bad line. Resolves when Redis has executed the check whose answer is lost. */
    async askInVain(id) {
      const before = await scriptCalls();
      const isExecuted = async () => (await scriptCalls()) !== before;
      for (;;) {
        await assert.rejects(far.check('k', { id }), unavailable);
        for (let tries = 0; tries < 200; tries++, await sleep(5)) if (await isExecuted()) return;
        // On a busy machine it may not even have been sent before its deadline.
      }
    },
    /** Ends the fault, and waits until what was then given back has been. */
    async heal() {
      await proxy.set({});
      // The first answer comes behind the late one, the second behind that of what followed from it.
      await twoAnswers(far);
    },
    async stop() {
      await Promise.all([far.close(), near.close()]);
      await proxy.stop();
    },
  };
}

async function scriptCalls() {
  const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'));
  return Number(calls);
}

/** Asks until two in a row are answered in time. */
async function twoAnswers(limiter) {
  for (let inARow = 0; inARow < 2; ) {
    const answer = await limiter.peek('k').catch(() => undefined);
    inARow = answer === undefined ? 0 : inARow + 1;
    await sleep(1);
  }
}

for (const [name, lose] of [
  ['comes late', () => {}],
  ['is lost with its connection', (proxy) => proxy.reset()],
]) {
  describe(`an answer that ${name}`, () => {
    test('takes no slot from a repeat that has reported it', async () => {
      const { near, proxy, askInVain, heal, stop } = await twoSides();
      await proxy.set({ replies: { held: true } });
      await askInVain('a');
      const told = await near.check('k', { id: 'a' });
      assert.deepEqual([told.allowed, told.source], [true, 'store']);
      lose(proxy);
      await heal();
      assert.equal((await near.check('k')).allowed, false);
      assert.equal(await told.holder.release(), true);
      assert.equal((await near.check('k')).allowed, true);
      await stop();
    });

    test('gives the slot back if no repeat has reported it either', async () => {
      const { near, proxy, askInVain, heal, stop } = await twoSides();
      await proxy.set({ replies: { held: true } });
      await askInVain('a');
      await askInVain('a');
      assert.equal((await near.peek('k')).allowed, false);
      lose(proxy);
      await heal();
      assert.equal((await near.peek('k')).allowed, true);
      await stop();
    });
  });
}
