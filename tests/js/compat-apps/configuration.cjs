// Options that are functions, in CommonJS: limit, message, skip, requestPropertyName, handler, validate.

const express = require('express');
const { rateLimit } = require('express-rate-limit');

const plans = new Map([['ann', 'premium']]);
const isPremium = async (name) => plans.get(name) === 'premium';
const allowList = ['health-check'];

const byPlan = rateLimit({
  windowMs: 60 * 60 * 1000,
  limit: async (req) => ((await isPremium(req.get('x-user'))) ? 4 : 2),
  message: async (req) =>
    (await isPremium(req.get('x-user'))) ? 'only 4 an hour' : { error: 'only 2 an hour' },
  statusCode: 420,
  keyGenerator: (req) => req.get('x-user') ?? 'anonymous',
  skip: (req) => allowList.includes(req.get('user-agent')),
  requestPropertyName: 'quota',
});

const logged = rateLimit({
  limit: 1,
  handler: (req, res, next, options) => {
    if (req.query.pass) return next();
    res.status(options.statusCode).json({ text: options.message, windowMs: options.windowMs });
  },
  validate: { xForwardedForHeader: false, default: true },
});

const app = express();
app.get('/plan', byPlan, (req, res) => res.json(req.quota));
app.get('/logged', logged, (_req, res) => res.send('in'));
app.get('/none', rateLimit({ max: 0 }), (_req, res) => res.send('in'));
app.get('/mistyped', rateLimit({ limmit: 5, standardHeaders: 'draft-9' }), (_req, res) => {
  res.send('in');
});

const by = (user) => ({ path: '/plan', headers: { 'x-user': user } });
const robot = { path: '/plan', headers: { 'user-agent': 'health-check' } };
const forwarded = { path: '/logged', headers: { 'x-forwarded-for': '192.0.2.1' } };
const requests = [by('ann'), by('bob'), by('bob'), by('bob'), { path: '/plan' }]
  .concat(Array(4).fill(by('ann')), robot, robot, robot)
  .concat(
    forwarded,
    forwarded,
    { path: '/logged?pass=1' },
    { path: '/none' },
    { path: '/mistyped' },
  );

module.exports = { app, requests };
