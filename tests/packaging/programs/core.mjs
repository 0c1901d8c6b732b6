// The library itself, on any runtime: policies, clocks, waiting, and Redis over our own connection.

import assert from 'node:assert/strict';
import { subscribe } from 'node:diagnostics_channel';
import { concurrency, createLimiter, memory, redis, tokenBucket } from 'sluice';
import { manualClock } from 'sluice/testing';

const two = () => tokenBucket({ capacity: 2, every: '1h' });
const inRedis = { store: redis(process.env.REDIS_URL), prefix: process.env.PREFIX };

const clock = manualClock();
const local = createLimiter({ policies: two(), store: memory({ clock }) });
const answers = () => [1, 2, 3].map(() => local.checkSync('a').allowed);
assert.deepEqual(answers(), [true, true, false]);
clock.advance('1h');
assert.deepEqual(answers(), [true, true, false]);
assert.throws(
  () => tokenBucket({ capacity: 'x', every: '1s' }),
  (error) => error instanceof TypeError && error.code === 'ERR_SLUICE_POLICY',
);

const shared = createLimiter({ policies: two(), ...inRedis, deadlineMs: 10_000 });
const denied = [];
subscribe('sluice:denied', (event) => denied.push(event));
const decisions = [];
for (let i = 0; i < 3; i += 1) decisions.push(await shared.check('a'));
assert.deepEqual(
  decisions.map(({ allowed, source }) => [allowed, source]),
  [
    [true, 'store'],
    [true, 'store'],
    [false, 'store'],
  ],
);
assert.equal(denied.length, 1);
const many = await shared.checkMany(Array.from({ length: 300 }, (_, i) => ({ key: `k${i}` })));
assert.ok(many.every(({ allowed, source }) => allowed && source === 'store'));

const slots = createLimiter({
  policies: { slots: concurrency({ limit: 1, ttl: '1m' }) },
  ...inRedis,
  deadlineMs: 10_000,
});
const held = await slots.check('a');
assert.equal((await slots.check('a')).allowed, false);
await held.holder.release();
assert.equal((await slots.check('a')).allowed, true);

const paced = createLimiter({ policies: tokenBucket({ capacity: 1, every: '20ms' }) });
await paced.wait('a');
assert.equal((await paced.wait('a')).allowed, true);

const warnings = [];
process.on('warning', (warning) => warnings.push(warning.code));
const orphan = createLimiter({ policies: two(), store: redis('redis://127.0.0.1:1') });
assert.equal((await orphan.check('a')).source, 'local');
await new Promise((resolve) => setTimeout(resolve));
assert.deepEqual(warnings, ['SLUICE_STORE_FAULT']);
// None is closed: an idle limiter does not keep the process alive.
