// Text of callers and servers in errors, warnings and events: on one line, cut, and without secrets.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { createLimiter, fixedWindow, memory, redis, SluiceError, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { collectMessages } from '../support/collect.mjs';
import { still } from '../support/limits.mjs';

const policies = tokenBucket({ capacity: 1, every: '1s' });
/** Ends a line, clears a terminal, turns the direction of text. */
const EVIL = 'a\r\nadmin logged in\u001b[2J\u0000\u0085\u2028\u2029\u202e\u200b\ud800';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const RAW = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u200b\ud800]/;

const parts = still(tokenBucket({ capacity: 1, every: '1s', by: 'tenant' })).limiter;
const plain = still(policies).limiter;
const withPlans = still(undefined, { plans: { [EVIL]: policies } }).limiter;
const wrong = {
  'an option name': () => plain.checkSync('k', { [EVIL]: 1 }),
  "a cost's name": () => plain.checkSync('k', { cost: { [EVIL]: 1 } }),
  "a limit's name": () => plain.checkSync('k', { limits: { [EVIL]: 1 } }),
  "a key part's name": () => parts.checkSync({ tenant: 't', [EVIL]: 'u' }),
  'a key part': () => parts.checkSync({ tenant: Symbol(EVIL) }),
  'a key': () => plain.checkSync({ [EVIL]: 1 }),
  'a symbol as key': () => plain.checkSync(Symbol(EVIL)),
  'a plan': () => withPlans.checkSync('k', { plan: `${EVIL}x` }),
  "a policy's name": () => createLimiter({ policies: { [EVIL]: policies } }),
  "a plan's policies": () => createLimiter({ plans: { [EVIL]: { a: 5 } } }),
  'a duration': () => tokenBucket({ capacity: 1, every: EVIL }),
  'an error as value': () => tokenBucket({ capacity: new Error(EVIL), every: '1s' }),
  "a function's name": () => tokenBucket({ capacity: { [EVIL]() {} }[EVIL], every: '1s' }),
  'an option of a policy': () => fixedWindow({ limit: 1, window: 1, [EVIL]: 1 }),
  'an option of memory': () => memory({ [EVIL]: 1 }),
  'an option of redis': () => redis({ url: 'redis://h', [EVIL]: 1 }),
  'a redis URL': () => redis(`redis://${EVIL}`),
  'an option of rateLimit': () => rateLimit({ policies, [EVIL]: 1 }),
  'an option of forRoot': () => SluiceModule.forRoot({ policies, [EVIL]: 1 }),
  'an option of a decorator': () => RateLimit({ policies, [EVIL]: 1 }),
  'a limiter of forRoot': () => SluiceModule.forRoot({ limiters: { [EVIL]: { policies: 5 } } }),
};

for (const [what, attempt] of Object.entries(wrong)) {
  test(`an error about ${what} is one line`, () => {
    assert.throws(attempt, (error) => {
      assert.match(error.code, /^ERR_SLUICE_/, error);
      assert.doesNotMatch(error.message, RAW);
      assert.doesNotMatch(error.argument, RAW);
      return true;
    });
  });
}

test('long text is cut, in messages and names', () => {
  const long = 'x'.repeat(1e6);
  for (const attempt of [
    () => plain.checkSync('k', { [long]: 1 }),
    () => plain.checkSync('k', { id: long }),
    () => withPlans.checkSync('k', { plan: long }),
    () => createLimiter({ plans: { [long]: 5 } }),
    () => createLimiter({ plans: { [long]: policies, b: { [long]: policies } } }),
    () => tokenBucket({ capacity: 1, every: long }),
  ]) {
    assert.throws(attempt, (error) => {
      assert.ok(error.message.length < 3000, String(error.message.length));
      assert.ok(error.argument.length < 300, String(error.argument.length));
      return true;
    });
  }
  assert.ok(new SluiceError('ERR_SLUICE_X', long).message.length < 3000);
});

test('the answer of a server is one line in errors, events and warnings', async (t) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(`-ERR ${'\u001b[2J\tadmin\u0085\u2028'}\r\n`));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const limiter = createLimiter({
    policies,
    store: redis(`redis://127.0.0.1:${server.address().port}`),
    onStoreError: 'throw',
    deadlineMs: 10_000,
  });
  t.after(() => limiter.close());
  const faults = collectMessages(t, 'sluice:fault');
  await assert.rejects(limiter.check('k'), (error) => {
    assert.match(error.message, /admin/);
    assert.doesNotMatch(error.message, RAW);
    return true;
  });
  assert.match(faults[0].detail, /admin/);
  assert.doesNotMatch(faults[0].detail, RAW);
});
