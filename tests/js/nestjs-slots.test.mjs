// The NestJS guard under concurrency limits: a slot is given back when the response has closed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { StreamableFile, UseGuards } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { concurrency, createLimiter, leakyBucket } from 'sluice';
import {
  collectUnhandled,
  decision,
  scriptedHolder,
  scriptedLimiter,
  settled,
  until,
} from '../support/express.mjs';
import { controller, handlerOf, platforms, start } from '../support/nestjs.mjs';

const oneSlot = () => concurrency({ limit: 1, ttl: '1h' });
const key = () => 'one';

/** A controller whose handler `a` answers with streams that the test ends. */
function streaming(streams) {
  const Pages = controller({ a: [] });
  handlerOf(Pages, 'a', () => {
    const stream = new PassThrough();
    stream.write('begun, ');
    streams.push(stream);
    return new StreamableFile(stream);
  });
  return Pages;
}

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: a slot is held while the response streams, and free once it has ended`, async (t) => {
    const streams = [];
    const options = { policies: oneSlot(), key, global: true };
    const { send } = await start(t, adapter, options, { controllers: [streaming(streams)] });
    const first = send('/a');
    await until(() => streams.length === 1);
    assert.equal((await send('/a')).status, 429);
    streams[0].write('the beginning, ');
    await settled();
    assert.equal((await send('/a')).status, 429, 'the response has not ended');
    streams[0].end('the end');
    assert.equal((await first).body, 'begun, the beginning, the end');
    const next = send('/a');
    await until(() => streams.length === 2);
    streams[1].end();
    assert.equal((await next).status, 200);
  });

  test(`${platform}: a slot is free once its client has hung up`, async (t) => {
    const streams = [];
    const options = { policies: oneSlot(), key, global: true };
    const { port, send } = await start(t, adapter, options, { controllers: [streaming(streams)] });
    const leaving = http.get({ port, host: '127.0.0.1', path: '/a', agent: false });
    leaving.on('error', () => {});
    await until(() => streams.length === 1);
    assert.equal((await send('/a')).status, 429);
    leaving.destroy();
    // The server learns of it in its own time.
    let next;
    while (streams.length === 1) {
      next = send('/a');
      await Promise.race([next, until(() => streams.length === 2)]);
    }
    streams[1].end();
    assert.equal((await next).status, 200);
  });

  test(`${platform}: a slot is free once a handler, or a later guard, has thrown`, async (t) => {
    class Refuses {
      canActivate() {
        return false;
      }
    }
    const Pages = controller({ broken: [], forbidden: [UseGuards(new Refuses())] });
    handlerOf(Pages, 'broken', () => {
      throw new Error('broken');
    });
    const options = { policies: oneSlot(), key, global: true };
    const { send } = await start(t, adapter, options, { controllers: [Pages] });
    const found = [];
    for (const path of ['/broken', '/forbidden', '/broken', '/forbidden']) {
      found.push((await send(path)).status);
    }
    assert.deepEqual(found, [500, 403, 500, 403]);
  });

  test(`${platform}: a request that leaves the queue of a shaping policy gives its slot back`, async (t) => {
    const limiter = createLimiter({
      policies: {
        queue: leakyBucket({ capacity: 9, leak: 1, every: '1h', mode: 'shape' }),
        slots: concurrency({ limit: 5, ttl: '2h' }),
      },
    });
    t.after(() => limiter.close());
    const options = { limiters: { default: limiter }, key, global: true };
    const { port, send } = await start(t, adapter, options, {
      controllers: [controller({ a: [] })],
    });
    const taken = async () => 5 - (await limiter.peek('one', { cost: 0 })).policies[1].remaining;
    assert.equal((await send('/a')).status, 200);
    await until(async () => (await taken()) === 0);
    const queued = http.get({ port, host: '127.0.0.1', path: '/a', agent: false });
    queued.on('error', () => {});
    await until(async () => (await taken()) === 1);
    queued.destroy();
    await until(async () => (await taken()) === 0);
  });

  test(`${platform}: slots are released exactly once, after the answer, and a store that fails at it breaks nothing`, async (t) => {
    const unhandled = collectUnhandled(t);
    for (const failure of [undefined, new Error('no store')]) {
      const holder = scriptedHolder(failure);
      const Pages = controller({ a: [] });
      let before;
      handlerOf(Pages, 'a', async () => {
        await settled();
        before = holder.released;
        return 'a';
      });
      const limiters = { default: scriptedLimiter(decision({ holder })) };
      const { send } = await start(
        t,
        adapter,
        { limiters, global: true },
        { controllers: [Pages] },
      );
      assert.equal((await send('/a')).status, 200);
      await until(() => holder.released > 0);
      await settled();
      assert.deepEqual([before, holder.released], [0, 1]);
    }
    assert.deepEqual(unhandled, []);
  });
}

test("Fastify: a slot is free after a request that never was on a network (Fastify's inject)", async (t) => {
  const limiter = createLimiter({ policies: oneSlot() });
  t.after(() => limiter.close());
  const options = { limiters: { default: limiter }, key, global: true };
  const { app } = await start(t, platforms.Fastify, options, {
    controllers: [controller({ a: [] })],
  });
  for (let i = 0; i < 3; i++) {
    const { statusCode } = await app.inject('/a');
    assert.equal(statusCode, 200);
    await until(async () => (await limiter.peek('one')).allowed);
  }
});

test('Fastify over HTTP/2: a slot is free once the stream of its response has ended or was reset', async (t) => {
  const streams = [];
  const options = { policies: oneSlot(), key: () => 'one', global: true };
  const http2Adapter = () => new FastifyAdapter({ http2: true });
  const { port } = await start(t, http2Adapter, options, { controllers: [streaming(streams)] });
  const client = http2.connect(`http://127.0.0.1:${port}`);
  const ask = async () => {
    const request = client.request({ ':path': '/a' });
    request.on('error', () => {}).resume();
    const [headers] = await once(request, 'response');
    return { request, status: headers[':status'] };
  };
  const admitted = async () => {
    for (;;) {
      const answer = await ask();
      if (answer.status === 200) return answer;
    }
  };
  try {
    const first = await ask();
    assert.equal(first.status, 200);
    assert.equal((await ask()).status, 429);
    streams[0].end();
    const second = await admitted();
    assert.equal((await ask()).status, 429);
    second.request.close(http2.constants.NGHTTP2_CANCEL);
    await admitted();
    streams.at(-1).end();
  } finally {
    client.destroy(); // The server closes only then.
  }
});
