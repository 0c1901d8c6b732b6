// An API for tenants with plans: a daily limit for each tenant, and a burst limit for each of its users.
//
//   node examples/multi-tenant/server.mjs           in this process's memory
//   REDIS_URL=redis://localhost:6379 node ...       one limit over all processes
//
//   curl -i -H 'x-api-key: ann-of-acme' http://127.0.0.1:3000/reports
//   curl -H 'x-api-key: ann-of-acme' http://127.0.0.1:3000/usage

import express from 'express';
import { createLimiter, fixedWindow, memory, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';

const { PORT = '3000', REDIS_URL, REDIS_PREFIX = 'multi-tenant' } = process.env;

// In a real application these are tables of your database.
const tenants = new Map([
  ['acme', { plan: 'free' }],
  ['globex', { plan: 'pro' }],
  ['initech', { plan: 'free', daily: 60 }], // sales agreed on a number of its own
]);
const users = new Map([
  ['ann-of-acme', { name: 'ann', tenant: 'acme' }],
  ['bob-of-acme', { name: 'bob', tenant: 'acme' }],
  ['eve-of-globex', { name: 'eve', tenant: 'globex' }],
  ['joe-of-initech', { name: 'joe', tenant: 'initech' }],
]);

const limiter = createLimiter({
  plans: {
    free: {
      daily: fixedWindow({ limit: 30, window: '1d', by: 'tenant' }),
      burst: tokenBucket({ capacity: 10, refill: 1, every: '1s', by: ['tenant', 'user'] }),
    },
    pro: {
      daily: fixedWindow({ limit: 10_000, window: '1d', by: 'tenant' }),
      burst: tokenBucket({ capacity: 50, refill: 20, every: '1s', by: ['tenant', 'user'] }),
    },
  },
  store: REDIS_URL ? redis(REDIS_URL) : memory(),
  prefix: REDIS_PREFIX,
  shardBy: 'tenant', // on a Redis cluster, all counts of a tenant are on one node
});

const keyOf = ({ user }) => ({ tenant: user.tenant, user: user.name });
const planOf = ({ user }) => tenants.get(user.tenant).plan;
const limitsOf = ({ user }) => {
  const { daily } = tenants.get(user.tenant);
  return daily === undefined ? undefined : { daily };
};

const app = express();

app.use((req, res, next) => {
  req.user = users.get(req.get('x-api-key'));
  if (req.user) return next();
  res.status(401).json({ error: 'send one of these as x-api-key', keys: [...users.keys()] });
});

// Asking for the usage costs nothing.
app.get('/usage', async (req, res) => {
  const { policies } = await limiter.peek(keyOf(req), { plan: planOf(req), limits: limitsOf(req) });
  res.json(policies.map(({ policy, limit, remaining }) => ({ policy, limit, remaining })));
});

app.use(rateLimit({ limiter, key: keyOf, plan: planOf, limits: limitsOf }));

app.get('/reports', (req, res) => {
  res.json({ tenant: req.user.tenant, user: req.user.name, reports: [] });
});

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
