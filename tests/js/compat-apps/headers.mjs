// Each format of the header fields, alone and beside the old ones, and two limiters on one request.

import express from 'express';
import { rateLimit } from 'express-rate-limit';

export const app = express();
const formats = [true, false, 'draft-6', 'draft-7', 'draft-8'];
for (const standardHeaders of formats) {
  for (const legacyHeaders of [true, false]) {
    const limiter = rateLimit({ windowMs: 90_000, limit: 1, standardHeaders, legacyHeaders });
    app.get(`/${standardHeaders}/${legacyHeaders}`, limiter, (_req, res) => res.end());
  }
}
const minute = rateLimit({ limit: 1, standardHeaders: 'draft-8', identifier: 'burst' });
const day = rateLimit({
  windowMs: 86_400_000,
  limit: 100,
  standardHeaders: 'draft-8',
  identifier: (req) => `day-${req.method}`,
});
app.get('/two', day, minute, (_req, res) => res.end());

const one = formats.flatMap((format) => [`/${format}/true`, `/${format}/false`]);
export const requests = [...one, ...one, '/two', '/two'].map((path) => ({ path }));
