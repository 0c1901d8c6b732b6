// The header fields of GraphQL operations that name many resolvers.

import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { fixedWindow, memory, tokenBucket } from 'sluice';
import { RateLimit } from 'sluice/nestjs';
import { manualClock } from 'sluice/testing';
import { startExternal } from '../support/nestjs.mjs';

const store = () => memory({ clock: manualClock() });

/** Starts an application. Returns what starts an operation over HTTP, of which each resolver is called. */
async function startResolvers(t, options, resolvers) {
  const call = await startExternal(t, { store: store(), ...options }, resolvers);
  return () => {
    const res = new ServerResponse(new IncomingMessage());
    const context = { req: { ip: '192.0.2.1', headers: {} }, res };
    return { res, resolve: (name) => call(name, 'graphql', {}, {}, context) };
  };
}

test('a query that names one resolver a thousand times gets one member of each policy, the last', async (t) => {
  const policies = { burst: tokenBucket({ capacity: 5000, every: '5000s' }) };
  const operation = await startResolvers(t, { policies }, { user: [] });
  const { res, resolve } = operation();
  for (let i = 0; i < 1000; i++) await resolve('user');
  assert.equal(res.getHeader('RateLimit'), '"burst";r=4000;t=1');
  assert.equal(res.getHeader('RateLimit-Policy'), '"burst";q=5000;w=5000');
});

test('each limiter that an operation asks has its member, beside those of middleware', async (t) => {
  const own = { search: fixedWindow({ limit: 50, window: '1m' }) };
  const operation = await startResolvers(
    t,
    { policies: { burst: tokenBucket({ capacity: 20, every: '20s' }) } },
    { user: [], search: [RateLimit({ policies: own })] },
  );
  const { res, resolve } = operation();
  res.setHeader('RateLimit', '"outer";r=7');
  res.setHeader('RateLimit-Policy', '"outer";q=9;w=60');
  for (const name of ['user', 'search', 'user', 'search', 'search']) await resolve(name);
  assert.equal(res.getHeader('RateLimit'), '"outer";r=7, "burst";r=18;t=1, "search";r=47;t=60');
  assert.equal(
    res.getHeader('RateLimit-Policy'),
    '"outer";q=9;w=60, "burst";q=20;w=20, "search";q=50;w=60',
  );
});

test('a denied resolver leaves its Retry-After, and no t later than that', async (t) => {
  const operation = await startResolvers(
    t,
    { policies: { hourly: fixedWindow({ limit: 9, window: '1h' }) } },
    { user: [], search: [RateLimit({ policies: tokenBucket({ capacity: 1, every: '5s' }) })] },
  );
  const { res, resolve } = operation();
  await resolve('user');
  await resolve('search');
  await assert.rejects(resolve('search'), { code: 'ERR_SLUICE_DENIED' });
  await resolve('user');
  assert.equal(res.getHeader('Retry-After'), '5');
  assert.equal(res.getHeader('RateLimit'), '"hourly";r=7, "default";r=0;t=5');
  const other = operation();
  await other.resolve('user');
  assert.equal(other.res.getHeader('RateLimit'), '"hourly";r=6;t=3600');
  assert.equal(other.res.getHeader('Retry-After'), undefined);
});

test('fields that hold one number show the strictest of the last decisions', async (t) => {
  const own = { search: fixedWindow({ limit: 9, window: '1m' }) };
  const operation = await startResolvers(
    t,
    {
      policies: { burst: tokenBucket({ capacity: 20, every: '20s' }) },
      headers: ['draft-6', 'legacy'],
    },
    { user: [], search: [RateLimit({ policies: own })] },
  );
  const { res, resolve } = operation();
  for (const name of ['user', 'search', 'user']) await resolve(name);
  assert.equal(res.getHeader('RateLimit-Limit'), '9');
  assert.equal(res.getHeader('RateLimit-Remaining'), '8');
  assert.equal(res.getHeader('RateLimit-Policy'), '20;w=20, 9;w=60');
  for (let i = 0; i < 5; i++) await resolve('user');
  assert.equal(res.getHeader('RateLimit-Limit'), '20');
  assert.equal(res.getHeader('X-RateLimit-Remaining'), '13');
});
