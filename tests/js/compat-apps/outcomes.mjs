// Only failures count, only successes count, and an own rule for what a success is.

import express from 'express';
import { rateLimit } from 'express-rate-limit';

const options = { windowMs: 60_000, limit: 2, standardHeaders: 'draft-6' };
const failures = rateLimit({ ...options, skipSuccessfulRequests: true });
const successes = rateLimit({ ...options, skipFailedRequests: true });
const own = rateLimit({
  ...options,
  skipFailedRequests: true,
  requestWasSuccessful: (_req, res) => res.statusCode !== 404,
});

export const app = express();
const answer = (req, res) => res.sendStatus(Number(req.params.status));
app.post('/login/:status', failures, answer);
app.get('/page/:status', successes, answer);
app.get('/own/:status', own, answer);

const to = (where, ...statuses) =>
  statuses.map((status) => ({
    method: where === 'login' ? 'POST' : 'GET',
    path: `/${where}/${status}`,
  }));
export const requests = [
  ...to('login', 200, 200, 200, 401, 401, 200, 401),
  ...to('page', 404, 503, 404, 200, 200, 200),
  ...to('own', 404, 404, 503, 200, 200),
];
