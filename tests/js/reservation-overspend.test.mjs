// Tasks of one tenant that start at once in four processes, with and without reservations.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seededRandom, testSeed } from '../support/random.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const program = fileURLToPath(new URL('../support/reserver.mjs', import.meta.url));
const PROCESSES = 4;
const TASKS = 50;
const LIMIT = 20_000;

async function spend(how, tasks) {
  const children = Array.from({ length: PROCESSES }, (_, i) => {
    const own = tasks.filter((_, task) => task % PROCESSES === i);
    const options = { url: server.url, prefix: how, limit: LIMIT, how, tasks: own };
    return fork(program, [JSON.stringify(options)]);
  });
  await Promise.all(children.map((child) => once(child, 'message')));
  const answers = children.map(async (child) => (await once(child, 'message'))[0]);
  for (const child of children) child.send('go');
  const sum = { started: 0, spent: 0, excess: 0 };
  for (const answer of await Promise.all(answers)) {
    for (const name of Object.keys(sum)) sum[name] += answer[name];
  }
  return sum;
}

test('50 tasks in 4 processes overspend by no more than the real usage above their estimates', async (t) => {
  const seed = testSeed();
  t.diagnostic(`SLUICE_SEED=${seed}`);
  const random = seededRandom(seed);
  const tasks = Array.from({ length: TASKS }, () => {
    const estimate = 500 + Math.floor(random() * 1000);
    const real = Math.round(estimate * (0.2 + 2.8 * random()));
    return { estimate, real, ms: 20 + Math.floor(random() * 200) };
  });
  const rows = [];
  for (const how of ['post-charge', 'reserve-max', 'reserve']) {
    const { started, spent, excess } = await spend(how, tasks);
    rows.push({ how, started, spent, excess, over: Math.max(0, spent - LIMIT) });
    const used = Math.round((100 * Math.min(spent, LIMIT)) / LIMIT);
    t.diagnostic(
      `${how}: ${started} tasks started, ${spent} of ${LIMIT} spent, overspent ${Math.max(0, spent - LIMIT)}, ${used} % used`,
    );
  }
  const [post, max, own] = rows;
  assert.ok(own.spent <= LIMIT + own.excess, 'the stated bound');
  assert.equal(max.over, 0);
  assert.ok(post.over > own.over, 'without reservations it is worse');
});
