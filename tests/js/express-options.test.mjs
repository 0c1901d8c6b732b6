// The options of the Express middleware and its entries: what is refused, and by which names it is had.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import rateLimit, { rateLimit as namedRateLimit } from 'sluice/express';
import { decision, scriptedLimiter } from './express-support.mjs';

test('wrong options are refused at construction, by name and value', () => {
  const limiter = scriptedLimiter(decision());
  const cases = [
    [undefined, 'ERR_SLUICE_OPTIONS', /rateLimit/],
    [null, 'ERR_SLUICE_OPTIONS', /null/],
    [{ limiter, hanlder() {} }, 'ERR_SLUICE_UNKNOWN_OPTION', /'hanlder'.*'handler'/],
    [{ limiter, polices: {} }, 'ERR_SLUICE_UNKNOWN_OPTION', /'policies'/],
    [{ limiter, keyGenerator() {} }, 'ERR_SLUICE_UNKNOWN_OPTION', /express-rate-limit.*key/],
    [
      { windowMs: 60_000, limit: 5 },
      'ERR_SLUICE_UNKNOWN_OPTION',
      /'windowMs'.*fixedWindow\(\{ limit, window \}\)/,
    ],
    [{ limiter, key: 'user' }, 'ERR_SLUICE_OPTIONS', /rateLimit\.key.*'user'/],
    [{ limiter, cost: '3' }, 'ERR_SLUICE_COST', /rateLimit\.cost.*'3'/],
    [{ limiter, skip: true }, 'ERR_SLUICE_OPTIONS', /rateLimit\.skip.*true/],
    [{ limiter, handler: null }, 'ERR_SLUICE_OPTIONS', /rateLimit\.handler.*null/],
    [{ limiter, headers: true }, 'ERR_SLUICE_OPTIONS', /rateLimit\.headers.*true/],
    [{ limiter, headers: 'draft-7' }, 'ERR_SLUICE_OPTIONS', /'draft-10'.*'draft-7'/],
    [{ limiter, retryAfterJitter: '0.2' }, 'ERR_SLUICE_OPTIONS', /retryAfterJitter.*'0\.2'/],
    [{ limiter, retryAfterJitter: 1.5 }, 'ERR_SLUICE_OPTIONS', /from 0 to 1; got 1\.5/],
    [{ limiter, retryAfterJitter: NaN }, 'ERR_SLUICE_OPTIONS', /got NaN/],
    [{ limiter: {} }, 'ERR_SLUICE_OPTIONS', /createLimiter/],
    [{ limiter: { check() {} } }, 'ERR_SLUICE_OPTIONS', /createLimiter/],
    [{ limiter: null }, 'ERR_SLUICE_OPTIONS', /createLimiter/],
    [{ limiter, policies: limiter.policies }, 'ERR_SLUICE_OPTIONS', /policies.*'limiter'/],
    [{ limiter, prefix: 'p' }, 'ERR_SLUICE_OPTIONS', /prefix.*'p'/],
  ];
  for (const [options, code, message] of cases) {
    assert.throws(
      () => rateLimit(options),
      (error) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return error instanceof TypeError || error instanceof RangeError;
      },
    );
  }
});

test('an option that is undefined counts as left out', () => {
  rateLimit({
    limiter: scriptedLimiter(decision()),
    key: undefined,
    headers: undefined,
    store: undefined,
  });
});

test('import and require give one function, under every name', () => {
  const required = createRequire(import.meta.url)('sluice/express');
  assert.equal(required, rateLimit);
  assert.equal(namedRateLimit, rateLimit);
  assert.equal(required.rateLimit, rateLimit);
  assert.equal(required.default, rateLimit);
});
