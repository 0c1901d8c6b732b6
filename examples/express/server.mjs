// An API in Express that gives every user 20 requests at once and 2 more a second.
//
//   node examples/express/server.mjs            in this process's memory
//   REDIS_URL=redis://localhost:6379 node ...       one limit over all processes
//
//   curl -i -H 'x-api-key: steady-key' http://127.0.0.1:3000/

import express from 'express';
import { memory, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';

const { PORT = '3000', REDIS_URL, REDIS_PREFIX = 'express-api' } = process.env;

const users = new Map([
  ['steady-key', 'steady'],
  ['busy-key', 'busy'],
  ['runaway-key', 'runaway'],
]);

const app = express();

// Finds the caller by a key in a header; yours may be a session or a signed token.
app.use((req, res, next) => {
  req.user = users.get(req.get('x-api-key'));
  if (req.user) return next();
  res.status(401).json({ error: 'send one of these as x-api-key', keys: [...users.keys()] });
});

app.use(
  rateLimit({
    policies: { burst: tokenBucket({ capacity: 20, refill: 2, every: '1s' }) },
    store: REDIS_URL ? redis(REDIS_URL) : memory(),
    prefix: REDIS_PREFIX,
    key: (req) => req.user,
  }),
);

app.get('/', (req, res) => {
  res.json({ hello: req.user, remaining: req.rateLimit.remaining });
});

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
