// The usual Redis store, over node-redis. Times in the answers are those of Redis.

import express from 'express';
import { rateLimit } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import { createClient } from 'redis';

const client = createClient({ url: process.env.COMPAT_APPS_REDIS_URL });
await client.connect();

const limiter = rateLimit({
  windowMs: 15 * 60 * 1000,
  max: 2,
  standardHeaders: true,
  legacyHeaders: false,
  store: new RedisStore({ sendCommand: (...args) => client.sendCommand(args) }),
});

export const app = express();
app.use(limiter);
app.get('/', (_req, res) => res.send('home'));
app.post('/captcha', async (req, res) => {
  await limiter.resetKey(req.ip);
  res.send('you are human');
});

export const requests = [{}, {}, {}, { method: 'POST', path: '/captcha' }, {}];
export const close = async () => {
  await client.flushAll();
  await client.close();
};
export const timesVary = true;
