// keyFallback: 'ip' of the NestJS module and its decorator.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, fixedWindow } from 'sluice';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { controller, platforms, start, startExternal } from '../support/nestjs.mjs';

const day = (limit, extra) => fixedWindow({ limit, window: '1d', ...extra });
const keyFallback = 'ip';
const userOf = (request) => request.headers['x-user'];
const asUser = { headers: { 'x-user': 'u1' } };

for (const [platform, adapter] of Object.entries(platforms)) {
  for (const [kind, key] of [
    ['at once', userOf],
    ['later', async (request) => userOf(request)],
  ]) {
    for (const place of ['module', 'decorator', 'class']) {
      test(`${platform}: keyFallback of the ${place} counts a request whose key is undefined, ${kind}, by its address`, async (t) => {
        const limiter = createLimiter({ policies: day(5) });
        t.after(() => limiter.close());
        const options = { key, keyFallback };
        const on = (name) => (place === name ? [RateLimit(options)] : []);
        const Pages = controller({ a: on('decorator') }, { decorators: on('class') });
        const { send } = await start(
          t,
          adapter,
          {
            limiters: { default: limiter },
            guard: true,
            ...(place === 'module' ? options : undefined),
          },
          { controllers: [Pages] },
        );
        for (const extra of [undefined, asUser, asUser]) {
          assert.equal((await send('/a', extra)).status, 200);
        }
        assert.equal((await limiter.peek('127.0.0.1')).remaining, 4);
        assert.equal((await limiter.peek('u1')).remaining, 3);
      });
    }
  }

  test(`${platform}: a decorator's own key does not take the module's or the class's fallback`, async (t) => {
    const own = [RateLimit({ key: () => undefined })];
    const Pages = controller({ a: own });
    const Classed = controller(
      { b: own },
      { name: 'Classed', decorators: [RateLimit({ key: userOf, keyFallback })] },
    );
    const options = { policies: day(5), key: userOf, keyFallback, guard: true };
    const { send } = await start(t, adapter, options, { controllers: [Pages, Classed] });
    assert.equal((await send('/a')).status, 503);
    assert.equal((await send('/b')).status, 503);
  });

  test(`${platform}: without keyFallback, a key of undefined is denied`, async (t) => {
    const options = { policies: day(5), key: userOf, guard: true };
    const { send } = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
    assert.equal((await send('/a')).status, 503);
    assert.equal((await send('/a', asUser)).status, 200);
  });
}

test('a call without an HTTP request has no address to fall back on: its missing key is an error', async (t) => {
  const call = await startExternal(
    t,
    { policies: day(5) },
    { job: [RateLimit({ key: ({ user }) => user, keyFallback, onRequestError: 'throw' })] },
  );
  assert.equal(await call('job', 'queue', { user: 'u1' }), 'done');
  await assert.rejects(call('job', 'queue', {}), {
    code: 'ERR_SLUICE_KEY',
    message: /^Jobs\.job: key/,
  });
});

test("a keyFallback other than 'ip', one without a key, and one beside parts are refused", async (t) => {
  const key = () => 'k';
  for (const options of [{ key, keyFallback: 'address' }, { keyFallback }]) {
    const of = (where) => ({
      code: 'ERR_SLUICE_OPTIONS',
      message: new RegExp(`^${where}.keyFallback`),
    });
    assert.throws(() => SluiceModule.forRoot({ policies: day(1), ...options }), of('forRoot'));
    assert.throws(() => RateLimit(options), of('@RateLimit'));
  }
  const options = { policies: day(1, { by: 'user' }), key, keyFallback, guard: true };
  await assert.rejects(
    start(t, platforms.Express, options, { controllers: [controller({ a: [] })] }),
    { code: 'ERR_SLUICE_KEY', message: /^the keyFallback of Pages\.a/ },
  );
});
