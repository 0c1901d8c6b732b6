// sluice/express, on any runtime.

import assert from 'node:assert/strict';
import express from 'express';
import { redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';

for (const store of [undefined, redis(process.env.REDIS_URL)]) {
  const app = express();
  const policies = tokenBucket({ capacity: 2, every: '1h' });
  const limit = rateLimit({
    policies,
    ...(store && { store, prefix: process.env.PREFIX, deadlineMs: 10_000 }),
  });
  app.use(limit);
  app.get('/', (_request, response) => response.send('hello'));
  const server = await new Promise((resolve) => {
    const started = app.listen(0, '127.0.0.1', () => resolve(started));
  });
  const answers = [];
  for (let i = 0; i < 3; i += 1) {
    const response = await fetch(`http://127.0.0.1:${server.address().port}`);
    await response.text();
    const left = response.headers.get('ratelimit').match(/r=(\d+)/)[1];
    answers.push([response.status, left, response.headers.has('retry-after')]);
  }
  assert.deepEqual(answers, [
    [200, '1', false],
    [200, '0', false],
    [429, '0', true],
  ]);
  server.close();
  server.closeAllConnections();
}
