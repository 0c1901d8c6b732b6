// The child of http.mjs: an Express app with one middleware, or none, and its CPU time.
import { once } from 'node:events';
import express from 'express';
import { serve } from './lib/child.mjs';
import { collectGarbage } from './lib/gc.mjs';
import { REFILL_MS, WINDOW_MS } from './lib/workload.mjs';

const [name, limit] = process.argv.slice(2);

const middlewares = {
  'no limiter': async () => null,
  async sluice(capacity) {
    const { tokenBucket } = await import('sluice');
    const { rateLimit } = await import('sluice/express');
    return rateLimit({
      policies: tokenBucket({ capacity, refill: capacity, every: REFILL_MS }),
      onStoreError: 'throw',
      denialCache: false,
    });
  },
  async 'express-rate-limit'(limitOfHits) {
    const { rateLimit } = await import('express-rate-limit');
    return rateLimit({ windowMs: WINDOW_MS, limit: limitOfHits });
  },
  async 'the same, draft 8 headers'(limitOfHits) {
    const { rateLimit } = await import('express-rate-limit');
    const headers = { standardHeaders: 'draft-8', legacyHeaders: false };
    return rateLimit({ windowMs: WINDOW_MS, limit: limitOfHits, ...headers });
  },
};

const app = express();
const middleware = await middlewares[name](Number(limit));
if (middleware !== null) app.use(middleware);
app.get('/', (_request, response) => response.send('ok'));
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');

serve(
  {
    port: () => server.address().port,
    cpuMicros() {
      collectGarbage();
      const { user, system } = process.cpuUsage();
      return user + system;
    },
  },
  () => server.closeAllConnections(),
);
