// A global guard outside of HTTP: RPC handlers, gateways, GraphQL, queues. Nothing breaks, and nothing passes in silence.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { UseGuards } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { concurrency, leakyBucket, memory, tokenBucket } from 'sluice';
import {
  RateLimit,
  RateLimitException,
  SkipRateLimit,
  SluiceGuard,
  SluiceModule,
} from 'sluice/nestjs';
import { manualClock } from 'sluice/testing';
import { codesOf, collectWarnings } from '../support/collect.mjs';
import { scriptedLimiter } from '../support/express.mjs';
import {
  controller,
  handlersClass,
  onMethod,
  platforms,
  rootModule,
  start,
  startContext,
  startExternal,
  statuses,
} from '../support/nestjs.mjs';

const { WebSocket } = createRequire(createRequire(import.meta.url).resolve('@nestjs/platform-ws'))(
  'ws',
);
const nest = createRequire(import.meta.url)('@nestjs/core/package.json');
const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const tcp = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } };

/** Starts a microservice over TCP until test `t` ends. */
async function startMicroservice(t, options, controllers) {
  const root = rootModule([SluiceModule.forRoot({ global: true, ...options })], { controllers });
  const app = await NestFactory.createMicroservice(root, { ...tcp, logger: false });
  t.after(() => app.close());
  await app.listen();
  return connect(t, app);
}

function connect(t, app) {
  const { port } = app.unwrap().address();
  const client = ClientProxyFactory.create({ ...tcp, options: { ...tcp.options, port } });
  t.after(() => client.close());
  const ask = (pattern, data = {}) =>
    firstValueFrom(client.send(pattern, data)).catch((error) => ({ error }));
  return { client, ask };
}

test('RPC: without a key every message arrives, and one warning names the handler and the fix', async (t) => {
  const warnings = collectWarnings(t);
  const seen = [];
  const Orders = controller({}, { name: 'Orders' });
  const methods = handlersClass('x', { find: [], created: [] }, (name, data) => {
    seen.push(name);
    return data;
  });
  for (const name of ['find', 'created']) {
    Object.defineProperty(Orders.prototype, name, { value: methods.prototype[name] });
  }
  onMethod(Orders, 'find', MessagePattern('find'));
  onMethod(Orders, 'created', EventPattern('created'));
  for (const method of ['find', 'created']) Payload()(Orders.prototype, method, 0);
  const { client, ask } = await startMicroservice(t, { policies: bucket(1) }, [Orders]);
  for (let i = 0; i < 3; i++)
    await lastValueFrom(client.emit('created', { i }), { defaultValue: 0 });
  assert.deepEqual([await ask('find', 'a'), await ask('find', 'b')], ['a', 'b']);
  assert.deepEqual(seen, ['created', 'created', 'created', 'find', 'find']);
  assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED', 'SLUICE_NOT_LIMITED']);
  const [created, find] = warnings.map(({ message }) => message);
  assert.match(created, /^Orders\.created \(context type 'rpc'\) is not limited: .*address/);
  assert.match(created, /@RateLimit\(\{ key \}\).*@SkipRateLimit\(\)/);
  assert.match(find, /^Orders\.find /);
});

function rpcController(handlers) {
  const Orders = controller({}, { name: 'Orders' });
  for (const [name, decorators] of Object.entries(handlers)) {
    const { [name]: value } = { [name]: (data) => data ?? 'none' };
    Object.defineProperty(Orders.prototype, name, { value, configurable: true });
    Payload()(Orders.prototype, name, 0);
    onMethod(Orders, name, MessagePattern(name), ...decorators);
  }
  return Orders;
}

test("RPC: the module's key is asked with the data, and a denial is an RpcException with the problem", async (t) => {
  const warnings = collectWarnings(t);
  const Orders = rpcController({ find: [] });
  const options = { policies: { burst: bucket(1) }, key: (data) => data.tenant };
  const { ask } = await startMicroservice(t, options, [Orders]);
  assert.deepEqual(await ask('find', { tenant: 'a' }), { tenant: 'a' });
  assert.deepEqual(await ask('find', { tenant: 'b' }), { tenant: 'b' });
  const { error } = await ask('find', { tenant: 'a' });
  assert.deepEqual([error.status, error['violated-policies']], [429, ['burst']]);
  assert.ok(error.retryAfterMs > 3_590_000 && error.retryAfterMs <= 3_600_000, error.retryAfterMs);
  assert.deepEqual(await codesOf(warnings), []);
});

test("RPC: callbacks of the module that read HTTP requests lose no message; a decorator's own key that fails does", async (t) => {
  const warnings = collectWarnings(t);
  const Orders = rpcController({
    find: [],
    cheap: [RateLimit({ cost: 0 })],
    own: [RateLimit({ key: (data) => data.tenant.id })],
  });
  const options = {
    policies: bucket(1),
    key: (request) => request.headers['x-user'],
    plan: undefined,
  };
  const { ask } = await startMicroservice(t, options, [Orders]);
  assert.deepEqual([await ask('find', 1), await ask('find', 2)], [1, 2]);
  assert.equal(await ask('cheap', 1), 1);
  assert.deepEqual(await ask('own', { tenant: { id: 'a' } }), { tenant: { id: 'a' } });
  assert.equal((await ask('own', { tenant: { id: 'a' } })).error.status, 429);
  const { error } = await ask('own', {});
  assert.deepEqual([error.status, error.retryAfterMs], [503, 1000]);
  const codes = ['SLUICE_NOT_LIMITED', 'SLUICE_NOT_LIMITED', 'SLUICE_REQUEST_ERROR'];
  assert.deepEqual(await codesOf(warnings), codes);
  assert.match(warnings[0].message, /^Orders\.find .*failed \(Cannot read properties of undefined/);
});

const misread = {
  'a plan that is none of the plans': {
    plans: { free: bucket(1) },
    key: () => 'k',
    plan: (data) => data.plan,
  },
  'no plan at all': { plans: { free: bucket(1) }, key: () => 'k' },
  'a cost that is none': { policies: bucket(1), key: () => 'k', cost: (data) => data.cost },
  'parts that are missing': {
    policies: tokenBucket({ capacity: 1, every: '1h', by: 'tenant' }),
    key: (data) => ({ tenant: data.tenant }),
  },
  'no key': { policies: tokenBucket({ capacity: 1, every: '1h', by: 'tenant' }) },
};
for (const [what, options] of Object.entries(misread)) {
  test(`RPC: messages pass with a warning where the module's callbacks give ${what}`, async (t) => {
    const warnings = collectWarnings(t);
    const { ask } = await startMicroservice(t, options, [rpcController({ find: [] })]);
    assert.deepEqual([await ask('find', 1), await ask('find', 2)], [1, 2]);
    assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
  });
}

test('RPC: what a callback throws on purpose, and what the store fails with, is no mistake of the context', async (t) => {
  const warnings = collectWarnings(t);
  const failure = Object.assign(new Error('no store'), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
  const key = (data) => {
    if (data === 'stranger') throw new RpcException('who is that?');
    return 'k';
  };
  const options = {
    limiters: { default: { policies: bucket(9) }, failing: scriptedLimiter(failure) },
    key,
  };
  const Orders = rpcController({ find: [], fail: [RateLimit({ limiter: 'failing' })] });
  const { ask } = await startMicroservice(t, options, [Orders]);
  assert.equal((await ask('find', 'stranger')).error.message, 'who is that?');
  assert.equal((await ask('fail', 1)).error.message, 'Internal server error');
  assert.deepEqual(await codesOf(warnings), []);
});

test('RPC: exempt handlers, and those that shouldSkip skips, pass without a warning', async (t) => {
  const warnings = collectWarnings(t);
  const { ask } = await startMicroservice(t, { policies: bucket(1) }, [
    rpcController({ find: [SkipRateLimit()] }),
  ]);
  assert.deepEqual([await ask('find', 1), await ask('find', 2)], [1, 2]);
  assert.deepEqual(await codesOf(warnings), []);
});

test('RPC: policies that count calls in progress pass with a warning, since nothing shows when a call ends', async (t) => {
  const warnings = collectWarnings(t);
  const policies = concurrency({ limit: 1, ttl: '1h' });
  const Orders = rpcController({ find: [RateLimit({ policies, key: () => 'k' })] });
  const { ask } = await startMicroservice(t, { policies: bucket(1) }, [Orders]);
  assert.deepEqual([await ask('find', 1), await ask('find', 2)], [1, 2]);
  assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
  assert.match(warnings[0].message, /calls in progress.*other than concurrency/);
});

test('RPC: under a policy that shapes, a message waits its turn', async (t) => {
  const policies = leakyBucket({ capacity: 5, leak: 1, every: '1ms', mode: 'shape' });
  const store = memory({ clock: manualClock() });
  const { ask } = await startMicroservice(t, { policies, store, key: () => 'k' }, [
    rpcController({ find: [] }),
  ]);
  assert.deepEqual([await ask('find', 1), await ask('find', 2)], [1, 2]);
});

test('a hybrid application limits its HTTP handlers by address, and loses no message', async (t) => {
  const warnings = collectWarnings(t);
  const Orders = rpcController({ find: [] });
  const { app, send } = await start(
    t,
    platforms.Express,
    { policies: bucket(1), global: true },
    {
      controllers: [controller({ a: [] }), Orders],
      configure: (app) => app.connectMicroservice(tcp, { inheritAppConfig: true }),
    },
  );
  await app.startAllMicroservices();
  const { ask } = connect(t, app.getMicroservices()[0]);
  assert.deepEqual([await ask('find', 1), await ask('find', 2)], [1, 2]);
  assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
  assert.equal((await codesOf(warnings)).length, 1);
});

/** Starts an application with a gateway until test `t` ends, and connects to it. */
async function startGateway(t, options, handlers, decorators = []) {
  const Chat = handlersClass('Chat', {}, undefined);
  for (const [name, decorators] of Object.entries(handlers)) {
    const { [name]: value } = { [name]: (_client, data) => ({ event: name, data }) };
    Object.defineProperty(Chat.prototype, name, { value, configurable: true });
    onMethod(Chat, name, SubscribeMessage(name), ...decorators);
  }
  for (const decorator of [WebSocketGateway(), ...decorators]) decorator(Chat);
  const { port } = await start(
    t,
    platforms.Express,
    { global: true, ...options },
    {
      providers: [Chat],
      configure: (app) => app.useWebSocketAdapter(new WsAdapter(app)),
    },
  );
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  t.after(() => socket.terminate());
  await once(socket, 'open');
  return async (event, data) => {
    socket.send(JSON.stringify({ event, data }));
    const [text] = await once(socket, 'message');
    return JSON.parse(text);
  };
}

const skip = nest.version < '12' && 'NestJS 11 applies no global guard to gateways';
test('WebSocket: without a key every message arrives, with one warning', { skip }, async (t) => {
  const warnings = collectWarnings(t);
  const say = await startGateway(t, { policies: bucket(1) }, { hello: [] });
  assert.deepEqual(await say('hello', 1), { event: 'hello', data: 1 });
  assert.deepEqual(await say('hello', 2), { event: 'hello', data: 2 });
  assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
  assert.match(warnings[0].message, /^Chat\.hello \(context type 'ws'\)/);
});

test('WebSocket: a key function gets the client, and a denial is an exception of the gateway', async (t) => {
  const ids = new WeakMap();
  const key = (client) => {
    if (!ids.has(client)) ids.set(client, `client ${Math.random()}`);
    return ids.get(client);
  };
  const say = await startGateway(
    t,
    { policies: bucket(9), global: false },
    { hello: [RateLimit({ policies: { burst: bucket(1) }, key })] },
    [UseGuards(SluiceGuard)], // All that reaches gateways under NestJS 11.
  );
  assert.deepEqual(await say('hello', 1), { event: 'hello', data: 1 });
  const { event, data } = await say('hello', 2);
  assert.deepEqual([event, data.status, data['violated-policies']], ['exception', 429, ['burst']]);
});

for (const [what, type, args] of [
  ['a queue', 'rmq', [{ id: 1 }, { properties: {} }]],
  ["a queue that calls its contexts 'http'", undefined, [{ id: 1 }]],
  [
    "a queue whose messages have headers and that calls its contexts 'http'",
    undefined,
    [{ headers: {} }, {}],
  ],
  ['an emitter of nothing', 'event', []],
]) {
  test(`a handler of ${what} passes, with one warning that names it`, async (t) => {
    const warnings = collectWarnings(t);
    const key = ({ user }) => user?.id ?? 'nobody'; // Would take all jobs for one caller.
    const call = await startExternal(t, { policies: bucket(1), key }, { run: [] });
    assert.deepEqual(
      [await call('run', type, ...args), await call('run', type, ...args)],
      ['done', 'done'],
    );
    assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
    assert.match(warnings[0].message, /^Jobs\.run /);
  });
}

test("a queue's handler with a key of its own is limited", async (t) => {
  const key = (job) => job.tenant;
  const call = await startExternal(t, { policies: bucket(1) }, { run: [RateLimit({ key })] });
  assert.equal(await call('run', 'rmq', { tenant: 'a' }), 'done');
  assert.equal(await call('run', 'rmq', { tenant: 'b' }), 'done');
  await assert.rejects(call('run', 'rmq', { tenant: 'a' }), (e) => e instanceof RateLimitException);
});

for (const [what, type, isRight] of [
  ['a gateway', 'ws', (error) => error instanceof WsException],
  ['an RPC handler', 'rpc', (error) => error instanceof RpcException],
  ['a resolver', 'graphql', (error) => error instanceof RateLimitException],
]) {
  test(`the exception of a denied call of ${what} has code and decision`, async (t) => {
    const call = await startExternal(t, { policies: bucket(1), key: () => 'k' }, { run: [] });
    await call('run', type, {}, {}, {});
    await assert.rejects(call('run', type, {}, {}, {}), (error) => {
      assert.ok(isRight(error));
      assert.deepEqual([error.code, error.decision.allowed], ['ERR_SLUICE_DENIED', false]);
      assert.match(error.message, /quota has been exceeded/);
      return true;
    });
  });
}

for (const [driver, contextOf] of Object.entries({
  'Apollo on Express': (req, res) => ({ req: { ...req, res }, res }),
  'Apollo on Express, without res': (req, res) => ({ req: { ...req, res } }),
  Mercurius: (request, raw) => ({ reply: { request, raw } }),
})) {
  test(`GraphQL over HTTP (${driver}) is limited by the client's address, and headers reach the response`, async (t) => {
    const warnings = collectWarnings(t);
    const call = await startExternal(t, { policies: { burst: bucket(1) } }, { run: [] });
    const ask = async (ip) => {
      const response = new ServerResponse(new IncomingMessage());
      const context = contextOf({ ip, headers: {} }, response);
      const error = await call('run', 'graphql', {}, {}, context).then(
        () => undefined,
        (e) => e,
      );
      return { response, code: error?.code };
    };
    const first = await ask('192.0.2.1');
    assert.equal(first.code, undefined);
    assert.match(first.response.getHeader('RateLimit'), /^"burst";r=0/);
    assert.equal((await ask('192.0.2.2')).code, undefined);
    const denied = await ask('192.0.2.1');
    assert.equal(denied.code, 'ERR_SLUICE_DENIED');
    assert.ok(Number(denied.response.getHeader('Retry-After')) > 0);
    assert.deepEqual(await codesOf(warnings), []);
  });
}

test('a GraphQL subscription, which has no response, passes with a warning', async (t) => {
  const warnings = collectWarnings(t);
  const call = await startExternal(t, { policies: bucket(1) }, { run: [] });
  const context = { req: { headers: {}, extra: {} } };
  for (const each of [context, context, undefined])
    assert.equal(await call('run', 'graphql', {}, {}, each), 'done');
  assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
});

test('a shouldSkip that reads an HTTP request breaks no handler that has none', async (t) => {
  const warnings = collectWarnings(t);
  class Internal extends SluiceGuard {
    shouldSkip(context) {
      return context.switchToHttp().getRequest().headers['x-internal'] === 'yes';
    }
  }
  const call = await startExternal(t, { policies: bucket(1), global: false }, { run: [] }, [
    { provide: APP_GUARD, useClass: Internal },
  ]);
  assert.equal(await call('run', 'rmq', undefined), 'done');
  assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
});

for (const [what, decorator, code] of [
  ['names no limiter of the module', RateLimit({ limiter: 'serach' }), 'ERR_SLUICE_LIMITER'],
  ['costs what no policy has', RateLimit({ cost: { brust: 1 } }), 'ERR_SLUICE_UNKNOWN_OPTION'],
]) {
  test(`an application does not start with a resolver or gateway whose decorator ${what}`, async (t) => {
    const Jobs = handlersClass('Jobs', { run: [decorator] });
    const root = rootModule([SluiceModule.forRoot({ policies: { burst: bucket(1) } })], {
      providers: [Jobs],
    });
    await assert.rejects(startContext(t, root), { code, message: /Jobs\.run/ });
  });
}
