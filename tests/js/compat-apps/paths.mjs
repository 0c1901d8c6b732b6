// Limiters for a path and for one endpoint, and none for the rest.

import express from 'express';
import { rateLimit } from 'express-rate-limit';

const auth = rateLimit({ windowMs: 60_000, limit: 2, standardHeaders: true, legacyHeaders: false });
const reset = rateLimit({ windowMs: 3_600_000, max: 1, message: 'one reset an hour' });

export const app = express();
app.use('/auth', auth);
app.post('/auth/login', (_req, res) => res.send('welcome'));
app.post('/reset_password', reset, (_req, res) => res.status(202).end());
app.get('/', (_req, res) => res.send('home'));

const login = { method: 'POST', path: '/auth/login' };
const resetting = { method: 'POST', path: '/reset_password' };
export const requests = [login, {}, login, login, { path: '/auth/none' }, {}]
  .concat(resetting, resetting, {}, { ...login, wait: 60_000 }, resetting)
  .concat({ ...resetting, wait: 3_600_000 });
