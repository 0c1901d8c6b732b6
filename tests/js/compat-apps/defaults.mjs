// No option at all, by the default export.

import express from 'express';
import rateLimit from 'express-rate-limit';

/** The test compares it with the package that it meant to load. */
export { rateLimit };
export const app = express();
app.use(rateLimit());
app.get('/', (req, res) => res.json(req.rateLimit));

export const requests = [...Array(7).fill({}), { wait: 60_000 }];
