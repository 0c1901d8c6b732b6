// Behind one proxy, with the endpoint that shows the address; and a proxy that adds ports.

import express from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';

export const app = express();
app.set('trust proxy', 1);
app.get('/ip', (req, res) => res.send(req.ip));
app.get('/', rateLimit({ limit: 1 }), (req, res) => res.send(req.rateLimit.key));
app.get(
  '/ports',
  rateLimit({
    limit: 1,
    keyGenerator: (req) => ipKeyGenerator(req.ip.replace(/:\d+[^:]*$/, '')),
  }),
  (req, res) => res.send(req.rateLimit.key),
);

const from = (path, forwarded) => ({ path, headers: { 'x-forwarded-for': forwarded } });
export const requests = [
  from('/ip', '192.0.2.1'),
  from('/ip', '198.51.100.9, 192.0.2.1'),
  from('/', '192.0.2.1'),
  from('/', '198.51.100.9, 192.0.2.1'),
  from('/', '192.0.2.2'),
  from('/ports', '192.0.2.1:4711'),
  from('/ports', '192.0.2.1:4712'),
  { path: '/' },
];
