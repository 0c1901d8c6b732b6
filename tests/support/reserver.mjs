// A process that spends a tenant's budget, task by task, as its parent says:
//   { url, prefix, limit, how, tasks: [{ estimate, real, ms }] }
// how: 'reserve' the estimate; 'reserve-max', three times the estimate; 'post-charge': look first, charge afterwards.
// It sends { started, spent } at its end.

import { setTimeout as sleep } from 'node:timers/promises';
import { createLimiter, fixedWindow, redis } from 'sluice';

const { url, prefix, limit, how, tasks } = JSON.parse(process.argv[2]);
const limiter = createLimiter({
  policies: { tokens: fixedWindow({ limit, window: '90d' }) },
  store: redis(url),
  prefix,
  onStoreError: 'throw',
  denialCache: false,
  deadlineMs: 60_000,
});

async function postCharge({ real, ms }) {
  const { remaining } = await limiter.peek('tenant');
  if (remaining <= 0) return false;
  await sleep(ms);
  await limiter.debit('tenant', real);
  return true;
}

async function reserve({ estimate, real, ms }, factor) {
  const reservation = await limiter.reserve('tenant', factor * estimate, { ttlMs: 60_000 });
  if (!reservation.allowed) return false;
  await sleep(ms);
  await reservation.settle(real);
  return true;
}

/** A denied task tries again for a while: others may give something back. */
async function run(task) {
  for (let attempt = 0; attempt < 40; attempt++) {
    const done =
      how === 'post-charge' ? postCharge(task) : reserve(task, how === 'reserve-max' ? 3 : 1);
    if (await done) return task;
    await sleep(25);
  }
  return undefined;
}

process.once('message', async () => {
  const started = (await Promise.all(tasks.map(run))).filter((task) => task !== undefined);
  process.send({
    started: started.length,
    spent: started.reduce((sum, { real }) => sum + real, 0),
    excess: started.reduce((sum, { real, estimate }) => sum + Math.max(0, real - estimate), 0),
  });
  await limiter.close();
  process.disconnect();
});
await limiter.ready();
process.send('ready');
