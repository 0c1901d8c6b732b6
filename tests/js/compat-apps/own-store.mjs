// A store by the guide for their authors, and a MemoryStore that the application resets.

import express from 'express';
import { MemoryStore, rateLimit } from 'express-rate-limit';

class MapStore {
  localKeys = true;

  constructor(prefix) {
    this.prefix = prefix;
    this.hits = new Map();
  }

  init(options) {
    this.windowMs = options.windowMs;
  }

  async get(key) {
    return this.hits.get(this.prefix + key);
  }

  async increment(key) {
    const name = this.prefix + key;
    const now = Date.now();
    const before = this.hits.get(name);
    const isOver = before === undefined || before.resetTime.getTime() <= now;
    const after = isOver
      ? { totalHits: 1, resetTime: new Date(now + this.windowMs) }
      : { ...before, totalHits: before.totalHits + 1 };
    this.hits.set(name, after);
    return after;
  }

  async decrement(key) {
    const client = this.hits.get(this.prefix + key);
    if (client !== undefined) client.totalHits--;
  }

  async resetKey(key) {
    this.hits.delete(this.prefix + key);
  }

  async resetAll() {
    this.hits.clear();
  }
}

const options = { windowMs: 60_000, limit: 2, keyGenerator: () => 'all' };
const memory = new MemoryStore();
const inMap = rateLimit({ ...options, store: new MapStore('map:') });
const inMemory = rateLimit({ ...options, store: memory });

export const app = express();
app.get('/map', inMap, (req, res) => res.json(req.rateLimit));
app.get('/memory', inMemory, (req, res) => res.json(req.rateLimit));
app.get('/count', async (_req, res) => {
  res.json([await inMap.getKey('all'), (await inMemory.getKey('all'))?.totalHits]);
});
app.post('/captcha', async (_req, res) => {
  await inMap.resetKey('all');
  await inMemory.resetKey('all');
  res.send('you are human');
});
app.post('/reset-all', async (_req, res) => {
  await memory.resetAll();
  res.end();
});

const [map, own, count] = [{ path: '/map' }, { path: '/memory' }, { path: '/count' }];
const captcha = { method: 'POST', path: '/captcha' };
export const requests = [map, map, map, own, own, own, count, captcha, count, map, own].concat(
  { method: 'POST', path: '/reset-all' },
  own,
  { ...map, wait: 60_000 },
  own,
);
