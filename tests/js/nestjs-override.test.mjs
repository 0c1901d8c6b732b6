// A limiter replaced by its token, as the tests of an application do: the guard asks the replacement.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { createLimiter, memory, redis, tokenBucket } from 'sluice';
import {
  getLimiterToken,
  InjectLimiter,
  RateLimit,
  SluiceGuard,
  SluiceModule,
} from 'sluice/nestjs';
import { allowAll, denyAll, manualClock } from 'sluice/testing';
import { send } from '../support/express.mjs';
import { controller, platforms, rootModule, statuses } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });

/** Starts an application of `root` with its providers replaced, until test `t` ends. */
async function startWith(t, root, override, adapter = platforms.Express) {
  const building = Test.createTestingModule({ imports: [root] });
  const testing = await override(building).compile();
  const app = testing.createNestApplication(adapter(), { logger: false, abortOnError: false });
  t.after(() => app.close());
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address();
  return { app, send: (path, extra) => send({ host: '127.0.0.1', port, path, ...extra }) };
}

/** Counts its calls, and has nothing of a limiter but `check`. */
class OnlyCheck {
  asked = [];
  async check(...asked) {
    this.asked.push(asked);
    return { allowed: false };
  }
}

const modules = {
  forRoot: (options) => SluiceModule.forRoot({ ...options, global: true }),
  forRootAsync: (options) =>
    SluiceModule.forRootAsync({
      useFactory: async () => options,
      names: Object.keys(options.limiters),
      global: true,
    }),
};
const limiters = { default: { policies: bucket(99) }, search: { policies: bucket(99) } };
const replacements = {
  useValue: (by) => by.useValue(denyAll()),
  useFactory: (by) => by.useFactory({ factory: () => denyAll() }),
  useClass: (by) => by.useClass(OnlyCheck),
  'useValue with a mock that has only check': (by) =>
    by.useValue({ check: async () => ({ allowed: false }) }),
};

for (const [kind, module] of Object.entries(modules)) {
  for (const [how, replace] of Object.entries(replacements)) {
    test(`${kind}: the guard asks what replaces a limiter by ${how}, and the others as before`, async (t) => {
      const Pages = controller({ a: [], b: [RateLimit({ limiter: 'search' })] });
      const root = rootModule([module({ limiters })], { controllers: [Pages] });
      const first = await startWith(t, root, (building) =>
        replace(building.overrideProvider(getLimiterToken())),
      );
      assert.deepEqual(await statuses(first.send, '/a', '/b'), [429, 200]);
      const second = await startWith(t, root, (building) =>
        replace(building.overrideProvider(getLimiterToken('search'))),
      );
      assert.deepEqual(await statuses(second.send, '/a', '/b'), [200, 429]);
    });
  }
}

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: allowAll admits what the real limiter would deny, denyAll answers 429 with Retry-After`, async (t) => {
    const Pages = controller({ a: [] });
    const root = rootModule([modules.forRoot({ policies: bucket(1) })], { controllers: [Pages] });
    const replacedBy = (limiter) => (building) =>
      building.overrideProvider(getLimiterToken()).useValue(limiter);
    const open = await startWith(t, root, replacedBy(allowAll()), adapter);
    assert.deepEqual(await statuses(open.send, '/a', '/a', '/a'), [200, 200, 200]);
    const closed = await startWith(t, root, replacedBy(denyAll({ retryAfterMs: 7000 })), adapter);
    const { status, headers } = await closed.send('/a');
    assert.deepEqual([status, headers['retry-after']], [429, '7']);
  });
}

test('a replacement that has only check is asked with key, cost and plan, and answered without made-up headers', async (t) => {
  const plans = { free: bucket(1), pro: bucket(2) };
  const options = { limiters: { search: { plans } }, key: () => 'k', plan: 'pro' };
  const Pages = controller({ b: [RateLimit({ limiter: 'search', cost: { default: 2 } })] });
  const root = rootModule([modules.forRoot(options)], { controllers: [Pages] });
  const mock = new OnlyCheck();
  const { send } = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken('search')).useValue(mock),
  );
  const { status, headers, body } = await send('/b');
  assert.equal(status, 429);
  assert.match(JSON.parse(body).type, /#quota-exceeded$/);
  assert.deepEqual(mock.asked, [['k', { cost: { default: 2 }, plan: 'pro' }]]);
  for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
    assert.equal(headers[name], undefined, name);
  }
});

test('the retry time of a replacement reaches the client', async (t) => {
  const root = rootModule([modules.forRoot({ policies: bucket(1) })], {
    controllers: [controller({ a: [] })],
  });
  const { send } = await startWith(t, root, (building) =>
    building
      .overrideProvider(getLimiterToken())
      .useValue({ check: async () => ({ allowed: false, retryAfterMs: 5000 }) }),
  );
  assert.equal((await send('/a')).headers['retry-after'], '5');
});

test('a replacement gets one argument where there is nothing to say but the key', async (t) => {
  const options = { policies: bucket(1), key: () => 'k' };
  const root = rootModule([modules.forRoot(options)], { controllers: [controller({ a: [] })] });
  const mock = new OnlyCheck();
  const { send } = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken()).useValue(mock),
  );
  await send('/a');
  assert.deepEqual(mock.asked, [['k']]);
});

test('the guard, a feature module and @UseGuards see the same replacement', async (t) => {
  class Worker {}
  InjectLimiter()(Worker.prototype, 'limiter');
  const Pages = controller({ a: [UseGuards(SluiceGuard)] });
  const feature = rootModule([], { controllers: [Pages], providers: [Worker] });
  const root = rootModule([SluiceModule.forRoot({ policies: bucket(99) }), feature]);
  const mock = new OnlyCheck();
  const { app, send } = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken()).useValue(mock),
  );
  assert.equal((await send('/a')).status, 429);
  assert.equal(mock.asked.length, 1);
  assert.equal(app.get(Worker, { strict: false }).limiter, mock);
});

test('a real limiter with a clock of the test replaces one, and stays open when the application closes', async (t) => {
  const clock = manualClock();
  const limiter = createLimiter({ policies: bucket(1), store: memory({ clock }) });
  t.after(() => limiter.close());
  const root = rootModule([modules.forRoot({ policies: bucket(99) })], {
    controllers: [controller({ a: [] })],
  });
  const { app, send } = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken()).useValue(limiter),
  );
  assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
  clock.advance('1h');
  assert.deepEqual(await statuses(send, '/a', '/a'), [200, 429]);
  await app.close();
  assert.equal((await limiter.check('other')).allowed, true);
});

test('a replaced limiter is never made: its store is left alone', async (t) => {
  // Another limiter with other numbers under one name would be refused, if the replaced one had been made.
  const store = redis({ url: 'redis://127.0.0.1:1' });
  const options = { policies: { burst: bucket(5) }, store, prefix: 'never-made' };
  const root = rootModule([modules.forRoot(options)], { controllers: [controller({ a: [] })] });
  const { send } = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken()).useValue(allowAll()),
  );
  const other = createLimiter({ ...options, policies: { burst: bucket(6) } });
  t.after(() => other.close());
  assert.equal((await send('/a')).status, 200);
});

test("a handler's own policies stay; overrideProvider(SluiceGuard) takes the whole guard out", async (t) => {
  const Pages = controller({ a: [], own: [RateLimit({ policies: bucket(1) })] });
  const root = rootModule([modules.forRoot({ policies: bucket(1) })], { controllers: [Pages] });
  const open = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken()).useValue(allowAll()),
  );
  assert.deepEqual(await statuses(open.send, '/a', '/a', '/own', '/own'), [200, 200, 200, 429]);
  const unguarded = await startWith(t, root, (building) =>
    building.overrideProvider(SluiceGuard).useValue({ canActivate: () => true }),
  );
  assert.deepEqual(
    await statuses(unguarded.send, '/a', '/a', '/own', '/own'),
    new Array(4).fill(200),
  );
});

test('overrideGuard(SluiceGuard) takes out the guard of @UseGuards', async (t) => {
  const Pages = controller({ a: [UseGuards(SluiceGuard)] });
  const root = rootModule([SluiceModule.forRoot({ policies: bucket(1) })], {
    controllers: [Pages],
  });
  const { send } = await startWith(t, root, (building) =>
    building.overrideGuard(SluiceGuard).useValue({ canActivate: () => true }),
  );
  assert.deepEqual(await statuses(send, '/a', '/a'), [200, 200]);
});

for (const [what, value] of Object.entries({
  'an object without check': { chek: async () => ({ allowed: true }) },
  'no object': 'allow',
})) {
  test(`an application does not start with ${what} in a limiter's place`, async (t) => {
    const root = rootModule([modules.forRoot({ policies: bucket(1) })]);
    await assert.rejects(
      startWith(t, root, (building) =>
        building.overrideProvider(getLimiterToken()).useValue(value),
      ),
      { code: 'ERR_SLUICE_LIMITER', message: /'SluiceLimiter:default'.*function check/ },
    );
  });
}

test('an answer that is no decision is an error that names the token, not an admission', async (t) => {
  const root = rootModule([modules.forRoot({ policies: bucket(1) })], {
    controllers: [controller({ a: [] })],
  });
  const { app } = await startWith(t, root, (building) =>
    building.overrideProvider(getLimiterToken()).useValue({ check: async () => undefined }),
  );
  const Pages = controller({ a: [] });
  const guard = app.get(SluiceGuard);
  const asked = guard.canActivate({
    getClass: () => Pages,
    getHandler: () => Pages.prototype.a,
    getType: () => 'http',
    switchToHttp: () => ({
      getRequest: () => ({ ip: '192.0.2.1', headers: {} }),
      getResponse: () => ({ headersSent: true }),
    }),
  });
  await assert.rejects(asked, {
    code: 'ERR_SLUICE_LIMITER',
    message: /'SluiceLimiter:default'.*got undefined/,
  });
});
