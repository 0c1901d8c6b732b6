// Messages outside of HTTP that the module's callbacks cannot read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APP_GUARD } from '@nestjs/core';
import { tokenBucket } from 'sluice';
import { SluiceGuard } from 'sluice/nestjs';
import { codesOf, collectWarnings } from '../support/collect.mjs';
import { startExternal } from '../support/nestjs.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const good = { tenant: { id: 'a' }, items: [1] };
const hostile = [undefined, {}, { tenant: null }, { tenant: { id: 7 } }, { tenant: { id: '' } }];

test('once a handler has been limited, a message that the key cannot read is an error and does not pass', async (t) => {
  const warnings = collectWarnings(t);
  const options = { policies: bucket(1), key: (data) => data.tenant.id };
  const call = await startExternal(t, options, { place: [] });
  assert.equal(await call('place', 'rpc', good), 'done');
  for (const message of hostile) {
    await assert.rejects(call('place', 'rpc', message), TypeError);
  }
  await assert.rejects(call('place', 'rpc', good), { code: 'ERR_SLUICE_DENIED' });
  assert.deepEqual(await codesOf(warnings), []);
});

test('once a handler has been limited, a message that an overridden getKey cannot read is an error', async (t) => {
  class TenantGuard extends SluiceGuard {
    getKey(data) {
      return data.tenant.id;
    }
  }
  const options = { policies: bucket(9), global: false };
  const guard = { provide: APP_GUARD, useClass: TenantGuard };
  const call = await startExternal(t, options, { place: [] }, [guard]);
  assert.equal(await call('place', 'rpc', good), 'done');
  await assert.rejects(call('place', 'rpc', {}), TypeError);
});

test('once a handler has been limited, a message that gives no cost is an error', async (t) => {
  const options = { policies: bucket(9), key: () => 'k', cost: ({ items }) => items.length };
  const call = await startExternal(t, options, { place: [] });
  assert.equal(await call('place', 'rpc', good), 'done');
  for (const items of [undefined, { length: -1 }, { length: 0.5 }, { length: 'many' }]) {
    await assert.rejects(call('place', 'rpc', { items }), { name: /^(Type|Range)Error$/ });
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
