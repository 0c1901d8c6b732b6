// Sluice's open handles, as in `jest --detectOpenHandles`: none before the first limiter over Redis is made, and none
// after the last is closed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const cwd = fileURLToPath(new URL('../..', import.meta.url));

/** CommonJS, as importing starts threads of Node's own. `open`: Sluice's handles, as async_hooks tells of them. */
const PREAMBLE = `
const { createHook } = require('node:async_hooks');
const { readdirSync } = require('node:fs');
const open = new Map();
createHook({
  init: (id, type) => /sluice/.test(type) && open.set(id, type),
  destroy: (id) => open.delete(id),
}).enable();
const threads = () => process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
const before = threads();
const { createLimiter, memory, redis, tokenBucket } = require('sluice');
const policies = tokenBucket({ capacity: 5, every: '1h' });
const settled = async (ready) => { while (!ready()) await new Promise(setImmediate); };
`;

function run(source, ...argv) {
  const script = `${PREAMBLE}(async () => {${source}})();`;
  const stdio = ['ignore', 'pipe', 'inherit'];
  const options = { cwd, encoding: 'utf8', stdio, timeout: 60_000 };
  return JSON.parse(execFileSync(process.execPath, ['-e', script, ...argv], options));
}

test('loading, memory stores and redis() open no handle and start no thread', () => {
  const seen = run(
    `
    const loaded = { open: [...open.values()], active: process.getActiveResourcesInfo(), threads: threads() - before };
    const limiter = createLimiter({ policies, store: memory() });
    limiter.checkSync('k');
    redis(process.argv[1]);
    redis({ url: process.argv[1], password: () => 'secret' });
    const used = { open: [...open.values()], active: process.getActiveResourcesInfo(), threads: threads() - before };
    console.log(JSON.stringify({ loaded, used }));
    `,
    server.url,
  );
  const nothing = { open: [], active: [], threads: 0 };
  assert.deepEqual(seen, { loaded: nothing, used: nothing });
});

test('the last limiter over Redis that is closed takes the handles with it', () => {
  const seen = run(
    `
    const make = () => createLimiter({ policies, store: redis(process.argv[1]) });
    const [one, two] = [make(), make()];
    await one.check('k');
    const during = [...open.values()];
    await one.close();
    const source = (await two.check('k')).source;
    const still = [...open.values()];
    await two.close();
    await settled(() => open.size === 0);
    const three = make();
    const again = (await three.check('k')).source;
    await three.close();
    await settled(() => open.size === 0);
    console.log(JSON.stringify({ during, source, still, again }));
    `,
    server.url,
  );
  assert.deepEqual(seen, {
    during: ['sluice'],
    source: 'store',
    still: ['sluice'],
    again: 'store',
  });
});

test('the same with a password function, and without a server', async () => {
  const seen = run(
    `
    let asked = 0;
    const store = redis({ url: process.argv[1], password: () => { asked++; return 'secret'; } });
    const limiter = createLimiter({ policies, store });
    const { source } = await limiter.check('k');
    const during = [...open.values()].sort();
    await limiter.close();
    await settled(() => open.size === 0);
    console.log(JSON.stringify({ source, during }));
    `,
    `redis://127.0.0.1:${await freePort()}`,
  );
  assert.deepEqual(seen, { source: 'local', during: ['sluice', 'sluice password'] });
});
