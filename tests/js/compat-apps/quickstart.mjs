// The shape of the quick start: one limiter for the whole application.

import express from 'express';
import { rateLimit } from 'express-rate-limit';

const limiter = rateLimit({
  windowMs: 15 * 60 * 1000,
  limit: 3,
  standardHeaders: 'draft-8',
  legacyHeaders: false,
  ipv6Subnet: 56,
});

export const app = express();
app.use(limiter);
app.get('/', (_req, res) => res.send('home'));

export const requests = [...Array(5).fill({}), { wait: 14 * 60_000 }, { wait: 60_000 }, {}];
