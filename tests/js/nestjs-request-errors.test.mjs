// Calls of NestJS handlers that cannot be judged: exceptions of callbacks, decorators, and contexts other than HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ForbiddenException,
  HttpException,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { tokenBucket } from 'sluice';
import { RateLimit, SluiceGuard } from 'sluice/nestjs';
import { collectMessages } from '../support/collect.mjs';
import { controller, platforms, start, startExternal } from '../support/nestjs.mjs';

const daily = (capacity) => ({ daily: tokenBucket({ capacity, every: '1d' }) });

const raise = (error) => () => {
  throw error;
};

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`NestJS on ${platform}: exceptions of callbacks and of overridden methods are their own answers`, async (t) => {
    const events = collectMessages(t, 'sluice:warning');
    class Own extends SluiceGuard {
      getKey() {
        throw new ForbiddenException();
      }
    }
    class Skipping extends SluiceGuard {
      async shouldSkip() {
        throw new HttpException('moved', 307);
      }
    }
    const handlers = {
      key: [UseGuards(SluiceGuard), RateLimit({ key: raise(new UnauthorizedException()) })],
      cost: [UseGuards(SluiceGuard), RateLimit({ cost: raise(new HttpException('no', 402)) })],
      getKey: [UseGuards(Own)],
      shouldSkip: [UseGuards(Skipping)],
    };
    const { send } = await start(
      t,
      adapter,
      { policies: daily(5) },
      { controllers: [controller(handlers)] },
    );
    const found = [];
    for (const name of Object.keys(handlers)) found.push((await send(`/${name}`)).status);
    assert.deepEqual(found, [401, 402, 403, 307]);
    assert.deepEqual(events, []);
  });

  test(`NestJS on ${platform}: a decorator's rule has precedence over its class's and the module's`, async (t) => {
    const rule = (onRequestError) => RateLimit({ onRequestError });
    const Pages = controller({ plain: [], allowed: [rule('allow')] });
    const Classed = controller(
      { thrown: [], denied: [rule('deny')] },
      { name: 'Classed', decorators: [rule('throw')] },
    );
    const options = { policies: daily(5), guard: true, key: raise(new Error('broken')) };
    const { send } = await start(t, adapter, options, { controllers: [Pages, Classed] });
    const found = [];
    for (const path of ['/plain', '/allowed', '/thrown', '/denied']) {
      found.push((await send(path)).status);
    }
    assert.deepEqual(found, [503, 200, 500, 503]);
  });

  test(`NestJS on ${platform}: the module's handler answers a request that cannot be judged`, async (t) => {
    const handler = (_request, _context, { source }) => {
      throw new HttpException(source, 418);
    };
    const options = { policies: daily(5), guard: true, handler, key: () => undefined };
    const { send } = await start(t, adapter, options, { controllers: [controller({ page: [] })] });
    const { status, body } = await send('/page');
    assert.deepEqual([status, JSON.parse(body).message], [418, 'deny']);
  });
}

for (const [kind, exception] of [
  ['rpc', new RpcException('stranger')],
  ['graphql', Object.assign(new Error('stranger'), { name: 'GraphQLError' })],
]) {
  test(`NestJS: an exception for ${kind} that a key throws reaches its client`, async (t) => {
    const events = collectMessages(t, 'sluice:warning');
    const fails = [RateLimit({ key: raise(exception) })];
    const call = await startExternal(t, { policies: daily(5) }, { job: fails });
    await assert.rejects(call('job', kind, {}, {}, {}), (error) => error === exception);
    assert.deepEqual(events, []);
  });
}

test('NestJS: outside of HTTP, a call that cannot be judged is denied, admitted or an error by its rule', async (t) => {
  const failure = new Error('broken');
  const fails = (onRequestError) => [
    RateLimit({ key: () => Promise.reject(failure), ...(onRequestError && { onRequestError }) }),
  ];
  const handlers = { denied: fails(), allowed: fails('allow'), thrown: fails('throw') };
  const call = await startExternal(t, { policies: daily(5) }, handlers);
  for (const kind of ['rpc', 'ws', 'queue']) {
    await assert.rejects(call('denied', kind, {}), (error) => {
      assert.deepEqual([error.code, error.decision.source], ['ERR_SLUICE_DENIED', 'deny']);
      return true;
    });
    assert.equal(await call('allowed', kind, {}), 'done');
    await assert.rejects(call('thrown', kind, {}), (error) => error === failure);
  }
});
