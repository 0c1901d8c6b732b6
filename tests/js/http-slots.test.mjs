// Concurrency limits under every framework: a request holds its slots until its response has closed.

import assert from 'node:assert/strict';
import http from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { concurrency, createLimiter, leakyBucket, tokenBucket } from 'sluice';
import {
  collectUnhandled,
  decision,
  scriptedHolder,
  scriptedLimiter,
  settled,
  until,
} from '../support/express.mjs';
import { frameworks } from '../support/frameworks.mjs';

const key = () => 'one';
const slots = (limit) => concurrency({ limit, ttl: '1h' });

/** Sends a request that the test can abort. */
function leave(port) {
  const request = http.get({ port, host: '127.0.0.1', path: '/page', agent: false });
  request.on('error', () => {});
  return request;
}

for (const [framework, guarded] of frameworks) {
  /** A guarded handler whose responses are streams that the test ends. */
  async function streaming(t, options) {
    const streams = [];
    const server = await guarded(t, { key, ...options }, () => {
      const stream = new PassThrough();
      stream.write('begun, ');
      streams.push(stream);
      return stream;
    });
    return { ...server, streams };
  }

  test(`${framework}: a slot is held while the response streams, and free once it has ended`, async (t) => {
    const { send, streams } = await streaming(t, { policies: slots(1) });
    const first = send();
    await until(() => streams.length === 1);
    const denied = await send();
    assert.equal(denied.status, 429);
    assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['default']);
    streams[0].write('the beginning, ');
    await settled();
    assert.equal((await send()).status, 429, 'the response has not ended');
    streams[0].end('the end');
    assert.equal((await first).body, 'begun, the beginning, the end');
    const next = send();
    await until(() => streams.length === 2);
    streams[1].end();
    assert.equal((await next).status, 200);
  });

  test(`${framework}: a slot is free once its client has hung up`, async (t) => {
    const { port, send, streams } = await streaming(t, { policies: slots(1) });
    const leaving = leave(port);
    await until(() => streams.length === 1);
    assert.equal((await send()).status, 429);
    leaving.destroy();
    // The server sees it some time later.
    let next;
    while (streams.length === 1) {
      next = send();
      await Promise.race([next, until(() => streams.length === 2)]);
    }
    streams[1].end();
    assert.equal((await next).status, 200);
  });

  test(`${framework}: a denied request takes no slot, and gives none back`, async (t) => {
    const policies = { rate: tokenBucket({ capacity: 1, every: '10d' }), slots: slots(2) };
    const { send, streams } = await streaming(t, { policies });
    const first = send();
    await until(() => streams.length === 1);
    const denied = await send();
    assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['rate']);
    assert.equal(
      denied.headers['ratelimit-policy'],
      '"rate";q=1;w=864000, "slots";q=2;qu="concurrent-requests"',
    );
    streams[0].end();
    assert.equal((await first).headers.ratelimit, '"rate";r=0;t=864000');
  });

  test(`${framework}: a slot is free once the handler has thrown`, async (t) => {
    const limiter = createLimiter({ policies: slots(1) });
    t.after(() => limiter.close());
    const { send } = await guarded(t, { limiter, key }, async () => {
      throw new Error('broken');
    });
    for (let i = 0; i < 3; i++) {
      assert.equal((await send()).status, 500);
      await until(async () => (await limiter.peek('one')).allowed);
    }
  });

  test(`${framework}: a request that leaves the queue of a shaping policy gives its slot back`, async (t) => {
    const limiter = createLimiter({
      policies: {
        queue: leakyBucket({ capacity: 9, leak: 1, every: '1h', mode: 'shape' }),
        slots: concurrency({ limit: 5, ttl: '2h' }),
      },
    });
    t.after(() => limiter.close());
    let handled = 0;
    const { port, send } = await guarded(t, { limiter, key }, () => `${++handled}`);
    const taken = async () => 5 - (await limiter.peek('one', { cost: 0 })).policies[1].remaining;
    assert.equal((await send()).status, 200);
    await until(async () => (await taken()) === 0);
    const queued = leave(port);
    await until(async () => (await taken()) === 1);
    queued.destroy();
    await until(async () => (await taken()) === 0);
    assert.equal(handled, 1);
  });

  for (const failure of [undefined, new Error('no store')]) {
    const store = failure ? 'a failing' : 'any';
    test(`${framework}: slots are released once, after the response, by ${store} store`, async (t) => {
      const unhandled = collectUnhandled(t);
      const holder = scriptedHolder(failure);
      let before;
      const limiter = scriptedLimiter(decision({ holder }));
      const { send } = await guarded(t, { limiter }, async () => {
        await settled();
        before = holder.released;
        return 'hello';
      });
      assert.equal((await send()).status, 200);
      await until(() => holder.released > 0);
      await settled();
      assert.deepEqual([before, holder.released], [0, 1]);
      assert.deepEqual(unhandled, []);
    });
  }
}
