// The memory for servers that come and go has a bound.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mock, test } from 'node:test';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { native } from '../support/addon.mjs';

const require = createRequire(import.meta.url);

/** A cluster's client of node-redis whose slots all belong to the node `at.address`, or that throws it. */
function clusterClient(at) {
  const shard = {
    get master() {
      if (at.address instanceof Error) throw at.address;
      return { address: at.address };
    },
  };
  return {
    isOpen: true,
    nodeByAddress: new Map(),
    slots: new Array(16384).fill(shard),
    sendCommand: () => Promise.reject(new Error('gone')),
  };
}

test('names of nodes that a client of a cluster tells: the last 1,000 have numbers of their own', async () => {
  const at = { address: 'first:1' };
  const routed = [];
  const { makeClientSession } = native;
  native.makeClientSession = (...args) => {
    const made = makeClientSession(...args);
    const { route } = made;
    made.route = (nodes) => {
      routed.push(...nodes);
      route(nodes);
    };
    return made;
  };
  const store = redis({ client: clusterClient(at) });
  native.makeClientSession = makeClientSession;
  const limiter = createLimiter({ policies: tokenBucket({ capacity: 5, every: '1h' }), store });
  const ask = async (address) => {
    at.address = address;
    await limiter.check('k');
    return routed.at(-1);
  };
  const first = await ask('first:1');
  assert.equal(await ask('first:1'), first);
  const others = new Set();
  for (let i = 0; i < 999; i++) others.add(await ask(`node${i}:1`));
  assert.equal(others.size, 999);
  assert.equal(await ask('first:1'), first);
  assert.notEqual(await ask('one more:1'), first);
  assert.notEqual(await ask('first:1'), first, 'it was forgotten');
  assert.equal(await ask(undefined), 0);
  assert.equal(await ask(new Error('of a map')), 0);
  await limiter.close();
});

test('warnings that were shown: each once, of the last 1,000', () => {
  const { publishWarning } = createRequire(require.resolve('sluice'))('./redis/events.js');
  const emitted = mock.method(process, 'emitWarning', () => {});
  const warn = (i) => publishWarning(`host${i}:1`, 'clock', 'its clock is off');
  for (let i = 0; i < 1000; i++) warn(i);
  for (let i = 0; i < 1000; i++) warn(i);
  assert.equal(emitted.mock.callCount(), 1000);
  warn(1000);
  warn(0);
  assert.equal(emitted.mock.callCount(), 1002, 'the oldest was forgotten');
  emitted.mock.restore();
});
