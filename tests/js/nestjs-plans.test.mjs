// The NestJS module with plans, limits of one call, keys of parts and shadows, beyond http-plans.test.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Catch, UseGuards } from '@nestjs/common';
import { memory, tokenBucket } from 'sluice';
import { RateLimit, RateLimitException, SluiceGuard, SluiceModule } from 'sluice/nestjs';
import { manualClock } from 'sluice/testing';
import { controller, platforms, rootModule, start, startContext } from '../support/nestjs.mjs';
import { plans, tenantPolicies } from '../support/plans.mjs';

const bucket = (capacity, options) => tokenBucket({ capacity, every: '10d', ...options });
const byHeaders = ({ headers }) => ({ tenant: headers['x-tenant'], user: headers['x-user'] });
const userKey = ({ headers }) => headers['x-user'];
const planOf = async ({ headers }) => headers['x-plan'];
const as = (user, more = {}) => ({ headers: { 'x-user': user, ...more } });

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: the plan that the request has decides, also of named limiters with plans, and no other limiter minds`, async (t) => {
    const store = memory({ clock: manualClock() });
    const limiters = { default: { plans }, other: { plans }, flat: { policies: bucket(9) } };
    const options = { limiters, store, key: userKey, plan: planOf, global: true };
    const handlers = {
      a: [],
      other: [RateLimit({ limiter: 'other' })],
      flat: [RateLimit({ limiter: 'flat' })],
      own: [RateLimit({ policies: bucket(9) })],
      fixed: [RateLimit({ plan: 'pro', limits: { burst: 8 } })],
    };
    const { send } = await start(t, adapter, options, { controllers: [controller(handlers)] });
    const free = as('ann', { 'x-plan': 'free' });
    const first = await send('/a', free);
    assert.equal(first.headers['ratelimit-policy'], '"daily";q=2;w=86400');
    assert.equal(first.headers.ratelimit, '"daily";r=1;t=86400');
    assert.equal((await send('/a', free)).status, 200);
    assert.equal((await send('/a', free)).status, 429);
    assert.equal((await send('/other', free)).headers.ratelimit, '"daily";r=1;t=86400');
    assert.equal((await send('/flat', free)).headers['ratelimit-policy'], '"default";q=9;w=864000');
    assert.equal((await send('/own', free)).headers['ratelimit-policy'], '"default";q=9;w=864000');

    const pro = await send('/a', as('ann', { 'x-plan': 'pro' }));
    assert.equal(pro.headers['ratelimit-policy'], '"daily";q=5;w=86400, "burst";q=4;w=10');
    assert.equal(pro.headers.ratelimit, '"daily";r=2;t=86400');
    // The bucket refills at its own rate, so twice the capacity takes twice the time.
    const fixed = await send('/fixed', free);
    assert.equal(fixed.headers['ratelimit-policy'], '"daily";q=5;w=86400, "burst";q=8;w=20');
    assert.equal(fixed.headers.ratelimit, '"daily";r=1;t=86400');
  });

  test(`${platform}: the module's limits hold for its own policies, a decorator's for its handler`, async (t) => {
    const limits = ({ headers }) =>
      headers['x-vip'] ? { daily: Number(headers['x-vip']) } : undefined;
    const limiters = {
      default: { policies: { daily: bucket(2) } },
      named: { policies: { hourly: bucket(2) } },
    };
    const handlers = {
      a: [],
      named: [RateLimit({ limiter: 'named' })],
      own: [RateLimit({ policies: bucket(3), limits: async () => ({ default: 1 }) })],
    };
    const options = { limiters, limits, key: userKey, global: true };
    const { send } = await start(t, adapter, options, { controllers: [controller(handlers)] });
    const told = async (path, vip) => {
      const { headers } = await send(path, as('ann', vip && { 'x-vip': vip }));
      return [headers['ratelimit-policy'], headers.ratelimit.match(/r=\d+/)[0]];
    };
    assert.deepEqual(await told('/a', '10'), ['"daily";q=10;w=4320000', 'r=9']);
    assert.deepEqual(await told('/a'), ['"daily";q=2;w=864000', 'r=0']);
    assert.deepEqual(await told('/named', '10'), ['"hourly";q=2;w=864000', 'r=1']);
    assert.deepEqual(await told('/own', '10'), ['"default";q=1;w=288000', 'r=0']);
  });

  test(`${platform}: a guard of one's own may find the key's parts and needs no key function`, async (t) => {
    class TenantGuard extends SluiceGuard {
      getKey(request) {
        return byHeaders(request);
      }
    }
    const { send } = await start(
      t,
      adapter,
      { policies: tenantPolicies(), shardBy: 'tenant' },
      { controllers: [controller({ a: [UseGuards(TenantGuard)] })] },
    );
    const one = as('ann', { 'x-tenant': 't1' });
    const found = [];
    for (let i = 0; i < 3; i++) found.push((await send('/a', one)).status);
    assert.deepEqual(found, [200, 200, 429]);
  });

  test(`${platform}: the exception of an overridden throwDenied names no shadow`, async (t) => {
    class Own extends SluiceGuard {
      throwDenied(_context, decision) {
        throw new RateLimitException(decision);
      }
    }
    const policies = { trial: bucket(1, { enforce: false }), real: bucket(2) };
    const controllers = [controller({ a: [UseGuards(Own)] })];
    const { send } = await start(t, adapter, { policies }, { controllers });
    for (let i = 0; i < 2; i++) assert.equal((await send('/a')).status, 200);
    const denied = await send('/a');
    assert.equal(denied.status, 429);
    assert.deepEqual(JSON.parse(denied.body)['violated-policies'], ['real']);
  });

  test(`${platform}: an error names the handler that lacks a plan, or a key of parts`, async (t) => {
    const limiters = { default: { plans }, parts: { policies: tenantPolicies() } };
    const handlers = {
      noplan: [UseGuards(SluiceGuard)],
      nokey: [UseGuards(SluiceGuard), RateLimit({ limiter: 'parts' })],
      denied: [UseGuards(SluiceGuard), RateLimit({ limiter: 'parts', onRequestError: 'deny' })],
    };
    const seen = [];
    class Filter {
      catch(error, host) {
        seen.push(error);
        host.switchToHttp().getResponse().status(500).send(error.message);
      }
    }
    Catch()(Filter);
    const controllers = [controller(handlers)];
    const configure = (app) => app.useGlobalFilters(new Filter());
    const options = { limiters, onRequestError: 'throw' };
    const { send } = await start(t, adapter, options, { controllers, configure });
    await send('/denied');
    assert.deepEqual([seen.pop().code, seen], ['ERR_SLUICE_DENIED', []]);
    for (const [name, code, message] of [
      [
        'noplan',
        'ERR_SLUICE_PLAN',
        /^Pages\.noplan: plan must be one of .*'free', 'pro'; got undefined/,
      ],
      [
        'nokey',
        'ERR_SLUICE_KEY',
        /^the key of Pages\.nokey must be a function that returns the parts .*\{ tenant, user \}/,
      ],
    ]) {
      const { status, body } = await send(`/${name}`);
      assert.equal(status, 500, name);
      assert.match(body, message);
      assert.equal(seen.at(-1).code, code, name);
    }
  });
}

test("a handler's decorator with other policies drops the policy options of its class", async (t) => {
  const ofClass = RateLimit({ plan: 'pro', cost: { burst: 2 }, limits: { burst: 8 } });
  const handlers = {
    a: [],
    own: [RateLimit({ policies: bucket(9) })],
    named: [RateLimit({ limiter: 'flat' })],
  };
  const limiters = { default: { plans }, flat: { policies: bucket(9) } };
  const controllers = [controller(handlers, { decorators: [ofClass] })];
  const { send } = await start(t, platforms.Express, { limiters, global: true }, { controllers });
  const told = async (path) => (await send(path)).headers['ratelimit-policy'];
  assert.equal(await told('/a'), '"daily";q=5;w=86400, "burst";q=8;w=20');
  assert.equal(await told('/own'), '"default";q=9;w=864000');
  assert.equal(await told('/named'), '"default";q=9;w=864000');
});

test('handlers without a guard need neither plan nor key', async (t) => {
  const controllers = [controller({ a: [] })];
  const root = rootModule([SluiceModule.forRoot({ plans, shardBy: undefined })], { controllers });
  await startContext(t, root);
});

test("a decorator's policies share the module's shardBy only where they count by parts", async (t) => {
  const store = memory();
  const key = byHeaders;
  const text = ({ headers }) => headers['x-user'];
  const handlers = {
    parts: [RateLimit({ policies: bucket(1, { by: 'user' }) })],
    text: [RateLimit({ policies: bucket(1), key: text })],
  };
  const options = { policies: tenantPolicies(), shardBy: 'tenant', store, key, global: true };
  const { send } = await start(t, platforms.Express, options, {
    controllers: [controller(handlers)],
  });
  const status = async (path, tenant) =>
    (await send(path, as('ann', { 'x-tenant': tenant }))).status;
  assert.equal(await status('/parts', 't1'), 200);
  assert.equal(await status('/parts', 't2'), 200, 'another shard is another key');
  assert.equal(await status('/parts', 't1'), 429);
  assert.equal(await status('/text', 't1'), 200);
  assert.equal(await status('/text', 't2'), 429);
});
