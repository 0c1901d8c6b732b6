// The Express middleware under a policy that shapes: admitted requests wait their turn.

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { leakyBucket, memory } from 'sluice';
import { rateLimit } from 'sluice/express';
import { manualClock } from 'sluice/testing';
import { decision, scriptedLimiter, serve } from '../support/express.mjs';

/** A route that counts what reaches it, behind a queue of 10 that leaks 2 a second. */
async function serveQueue(t) {
  const seen = { asked: 0, handled: [], closed: [] };
  const shape = rateLimit({
    policies: leakyBucket({ capacity: 10, leak: 2, every: '1s', mode: 'shape' }),
    store: memory({ clock: manualClock() }),
    key: () => 'one',
  });
  const server = await serve(t, (app) => {
    app.use((req, res, next) => {
      shape(req, res, next);
      res.once('close', () => seen.closed.push(req.url));
      seen.asked++;
    });
    app.use((req, _res, next) => {
      seen.handled.push(req.url);
      next();
    });
  });
  const untilAsked = async (count) => {
    while (seen.asked < count) await turn();
  };
  return { ...server, seen, untilAsked };
}

test('admitted requests go on in order, one at a time, at the leak rate', async (t) => {
  const { send, seen, untilAsked } = await serveQueue(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const answers = [];
  for (const path of ['/?1', '/?2', '/?3']) {
    answers.push(send(path));
    await untilAsked(answers.length);
  }
  assert.deepEqual(seen.handled, ['/?1'], 'the queue was empty for the first');
  t.mock.timers.tick(499);
  assert.deepEqual(seen.handled, ['/?1']);
  t.mock.timers.tick(1);
  assert.deepEqual(seen.handled, ['/?1', '/?2']);
  t.mock.timers.tick(500);
  assert.deepEqual(seen.handled, ['/?1', '/?2', '/?3']);
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status }) => status),
    [200, 200, 200],
  );
});

test('a request whose client hangs up in the queue is dropped', async (t) => {
  const { port, send, seen, untilAsked } = await serveQueue(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await send('/?1');
  const leaving = http.get({ port, host: '127.0.0.1', path: '/?leaves', agent: false });
  leaving.on('error', () => {});
  await untilAsked(2);
  const last = send('/?3');
  await untilAsked(3);
  leaving.destroy();
  while (!seen.closed.includes('/?leaves')) await turn();
  t.mock.timers.tick(1000);
  assert.equal((await last).status, 200);
  assert.deepEqual(seen.handled, ['/?1', '/?3']);
});

test('a request whose client hung up before it was decided does not enter the queue', async (t) => {
  const limiter = scriptedLimiter(decision({ delayMs: 1000 }), { synchronous: false });
  const key = (_req, res) => new Promise((resolve) => res.on('close', () => resolve('k')));
  const handled = [];
  const { port } = await serve(t, (app) =>
    app.use(rateLimit({ limiter, key }), (req) => handled.push(req.url)),
  );
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const client = net.connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n', () => client.destroy());
  while (limiter.asked.length === 0) await turn();
  await turn();
  t.mock.timers.tick(1000);
  assert.deepEqual(handled, []);
});
