// The NestJS guard under concurrency limits, beyond http-slots.test.mjs: later guards, inject and HTTP/2.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { StreamableFile, UseGuards } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { concurrency, createLimiter } from 'sluice';
import { until } from '../support/express.mjs';
import { controller, handlerOf, platforms, start, statuses } from '../support/nestjs.mjs';

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
  test(`${platform}: a slot is free once a later guard has refused`, async (t) => {
    class Refuses {
      canActivate() {
        return false;
      }
    }
    const Pages = controller({ forbidden: [UseGuards(new Refuses())] });
    const options = { policies: oneSlot(), key, global: true };
    const { send } = await start(t, adapter, options, { controllers: [Pages] });
    assert.deepEqual(await statuses(send, ...Array(3).fill('/forbidden')), [403, 403, 403]);
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
