// The user where one is known, and else the address, by the helper.

import express from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';

const limiter = rateLimit({
  windowMs: 60_000,
  limit: 2,
  standardHeaders: 'draft-7',
  keyGenerator: (req) => req.get('x-user') ?? ipKeyGenerator(req.ip, 56),
});

export const app = express();
app.set('trust proxy', 1);
app.use(limiter);
app.get('/', (req, res) => res.send(req.rateLimit.key));

const from = (ip, user) => ({
  headers: { 'x-forwarded-for': ip, ...(user === undefined ? {} : { 'x-user': user }) },
});
export const requests = [
  from('2001:db8:1:200::1'),
  from('2001:db8:1:2ff:9::2'),
  from('2001:db8:1:255::3'),
  from('2001:db8:1:300::1'),
  from('192.0.2.1', 'ann'),
  from('192.0.2.2', 'ann'),
  from('192.0.2.3', 'ann'),
  from('192.0.2.1'),
];
