// No 'trust proxy' behind a proxy, and one that trusts all: the mistakes that are logged.

import express from 'express';
import { rateLimit } from 'express-rate-limit';

export const app = express();
app.set('trust proxy', false);
app.get('/none', rateLimit({ limit: 2 }), (req, res) => res.send(req.ip));

const trusting = express();
trusting.set('trust proxy', true);
trusting.get('/', rateLimit({ limit: 2 }), (req, res) => res.send(req.ip));
app.use('/all', trusting);

const from = (path, ip) => ({ path, headers: { 'x-forwarded-for': ip } });
export const requests = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
  .flatMap((ip) => [from('/none', ip), from('/all', ip)])
  .concat({ path: '/none', headers: { forwarded: 'for=192.0.2.9' } });
