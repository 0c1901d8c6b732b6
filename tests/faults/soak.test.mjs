// Faults of every kind, one after the other, for 10 minutes under SLUICE_FULL=1, or for SLUICE_SOAK_SECONDS: nothing
// grows, and every check is answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, testSeed } from '../support/random.mjs';
import { LOAD, recovery, reportOf, startWorkers, takeStock } from './load.mjs';
import { rows } from './rows-single.mjs';
import { direct, proxied } from './set-ups.mjs';

const seconds = Number(process.env.SLUICE_SOAK_SECONDS ?? (process.env.SLUICE_FULL ? 600 : 8));
/** The normal variation of the heaps; a leak of 30 bytes per check exceeds it in 10 minutes. */
const BREATH_BYTES = 40 * 2 ** 20;
/** One-time memory is not growth: the comparison starts after this share of the time. */
const WARM_UP = 0.2;

const faults = rows.filter(({ setUp }) => setUp === direct || setUp === proxied);

test('a soak with random faults: no growth, and every check is answered once', async (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const fixture = await proxied({ seed });
  let workers = [];
  const done = [];
  try {
    workers = await startWorkers({ ...LOAD, soak: true }, fixture, seed);
    for (const worker of workers) worker.send('go');
    const begun = performance.now();
    const passed = () => (performance.now() - begun) / 1000 / seconds;
    for (let stocks = 0; passed() < 1 || stocks < 2; ) {
      const row = faults[Math.floor(random() * faults.length)];
      await row.fault({ fixture, random, workers, full: false, run: {} });
      await recovery(workers);
      done.push(row.name);
      await sleep(100);
      if (passed() < WARM_UP) continue;
      await takeStock(workers);
      stocks++;
    }
    for (const { asked, answered, outcomes, stats, resources } of await Promise.all(
      workers.map(reportOf),
    )) {
      assert.equal(answered, asked, 'every check is answered');
      for (const { submitted, completed } of stats) assert.equal(completed, submitted);
      const [first, last] = [resources[0], resources.at(-1)];
      const grown = last.bytes - first.bytes;
      assert.ok(grown < BREATH_BYTES, `${grown} bytes more after ${done}`);
      assert.equal(last.files, first.files, `open files after ${done}`);
      assert.equal(last.threads, first.threads, `threads after ${done}`);
      t.diagnostic(
        `${asked} checks, ${outcomes.error} rejected, ${(grown / 2 ** 20).toFixed(1)} MB more, ` +
          `${last.files} files, ${last.threads} threads`,
      );
    }
    t.diagnostic(`${done.length} faults: ${done.join(', ')}`);
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await fixture.stop();
  }
});
