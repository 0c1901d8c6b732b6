// Messages outside of HTTP that the module's callbacks cannot read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APP_GUARD } from '@nestjs/core';
import { tokenBucket } from 'sluice';
import { SluiceGuard } from 'sluice/nestjs';
import { codesOf, collectMessages, collectWarnings } from '../support/collect.mjs';
import { startExternal } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const good = { tenant: { id: 'a' }, items: [1] };
const hostile = [undefined, {}, { tenant: null }, { tenant: { id: 7 } }, { tenant: { id: '' } }];

/** The source of the decision that denied a call. */
const deniedBy = (call) =>
  call.then(
    () => assert.fail('the call passed'),
    ({ code, decision }) => {
      assert.equal(code, 'ERR_SLUICE_DENIED');
      return decision.source;
    },
  );

test('once a handler has been limited, a message that the key cannot read is denied', async (t) => {
  const warnings = collectWarnings(t);
  const events = collectMessages(t, 'sluice:warning');
  const options = { policies: bucket(1), key: (data) => data.tenant.id };
  const call = await startExternal(t, options, { place: [] });
  assert.equal(await call('place', 'rpc', good), 'done');
  for (const message of hostile) {
    assert.equal(await deniedBy(call('place', 'rpc', message)), 'deny');
    const { option, route, error } = events.pop();
    assert.deepEqual([option, route, error instanceof TypeError], ['key', 'Jobs.place', true]);
  }
  assert.equal(await deniedBy(call('place', 'rpc', good)), 'store');
  assert.deepEqual(await codesOf(warnings), []);
});

test("under onRequestError: 'throw', a message that the key cannot read is an error and does not pass", async (t) => {
  const options = {
    policies: bucket(1),
    key: (data) => data.tenant.id,
    onRequestError: 'throw',
  };
  const call = await startExternal(t, options, { place: [] });
  assert.equal(await call('place', 'rpc', good), 'done');
  for (const message of hostile) {
    await assert.rejects(call('place', 'rpc', message), TypeError);
  }
});

test('once a handler has been limited, a message that an overridden getKey cannot read is denied', async (t) => {
  class TenantGuard extends SluiceGuard {
    getKey(data) {
      return data.tenant.id;
    }
  }
  const options = { policies: bucket(9), global: false };
  const guard = { provide: APP_GUARD, useClass: TenantGuard };
  const call = await startExternal(t, options, { place: [] }, [guard]);
  assert.equal(await call('place', 'rpc', good), 'done');
  assert.equal(await deniedBy(call('place', 'rpc', {})), 'deny');
});

test('once a handler has been limited, a message that gives no cost is denied', async (t) => {
  const options = { policies: bucket(9), key: () => 'k', cost: ({ items }) => items.length };
  const call = await startExternal(t, options, { place: [] });
  assert.equal(await call('place', 'rpc', good), 'done');
  for (const items of [undefined, { length: -1 }, { length: 0.5 }, { length: 'many' }]) {
    assert.equal(await deniedBy(call('place', 'rpc', { items })), 'deny');
  }
});

test('a handler of which no call could be limited passes, whatever other handlers do', async (t) => {
  const warnings = collectWarnings(t);
  const options = { policies: bucket(9), key: (data) => data.tenant.id };
  const call = await startExternal(t, options, { place: [], ping: [] });
  for (let i = 0; i < 2; i++) {
    assert.equal(await call('place', 'rpc', good), 'done');
    assert.equal(await call('ping', 'rpc', 'hello'), 'done');
  }
  assert.deepEqual(await codesOf(warnings), ['SLUICE_NOT_LIMITED']);
  assert.match(warnings[0].message, /^Jobs\.ping .*Cannot read properties of undefined/);
});

test('the warning shows the error of a callback on one line, cut and without control characters', async (t) => {
  const warnings = collectWarnings(t);
  const key = (data) => {
    throw new TypeError(`bad tenant ${data.tenant}`);
  };
  const call = await startExternal(t, { policies: bucket(9), key }, { place: [] });
  await call('place', 'rpc', { tenant: `x\r\n[ERROR] forged\u001b[31m${'y'.repeat(5000)}` });
  await codesOf(warnings);
  assert.doesNotMatch(warnings[0].message, /\p{Cc}/u);
  assert.ok(warnings[0].message.length < 700, String(warnings[0].message.length));
});
