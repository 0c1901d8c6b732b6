// The key of a client's address, and the problem that a denial is answered with.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientIpKey } from '../../dist/http/client-ip.js';
import { problemOf } from '../../dist/http/problem.js';

test('an IPv4 address is its own key', () => {
  assert.equal(clientIpKey('192.0.2.7'), '192.0.2.7');
});

test('an IPv4 address wrapped in IPv6 has the key of the IPv4 address, in every spelling', () => {
  for (const ip of [
    '::ffff:192.0.2.7',
    '::FFFF:192.0.2.7',
    '::ffff:c000:207',
    '0:0:0:0:0:ffff:192.0.2.7',
  ]) {
    assert.equal(clientIpKey(ip), '192.0.2.7', ip);
  }
});

test('an IPv6 address is cut to its /56, in every spelling', () => {
  for (const ip of [
    '2001:db8:12:3400::',
    '2001:db8:12:34ff:ffff:ffff:ffff:ffff',
    '2001:0DB8:0012:3456::1',
    '2001:db8:12:3456::192.0.2.7',
    '2001:db8:12:3456::1%eth0',
  ]) {
    assert.equal(clientIpKey(ip), '2001:db8:12:3400::/56', ip);
  }
  assert.equal(clientIpKey('::1'), '0:0:0:0::/56');
});

test('addresses of neighbouring /56 networks have different keys', () => {
  const keys = [
    '2001:db8:12:3400::1',
    '2001:db8:12:3500::1',
    '2001:db8:13:3400::1',
    '2001:db9:12:3400::1',
  ];
  assert.equal(new Set(keys.map(clientIpKey)).size, keys.length);
});

test('values that are not addresses are refused with a code, the name and the value', () => {
  for (const value of [
    undefined,
    null,
    '',
    'unknown',
    '192.0.2.7:5678',
    '[2001:db8::1]',
    '1.2.3',
    '::ffff:1.2.3',
    42,
  ]) {
    assert.throws(() => clientIpKey(value), {
      name: 'TypeError',
      code: 'ERR_SLUICE_CLIENT_IP',
      argument: 'req.ip',
      value,
    });
  }
});

const policies = [
  { policy: 'burst', allowed: false },
  { policy: 'hourly', allowed: true },
  { policy: 'daily', allowed: false },
];

test('a quota that is used up is a 429 that names the policies that denied', () => {
  assert.deepEqual(problemOf({ source: 'store', policies }), {
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status: 429,
    'violated-policies': ['burst', 'daily'],
  });
});

test('a decision of this process, when the store failed, is a 429 too', () => {
  assert.equal(problemOf({ source: 'local', policies }).status, 429);
});

test('a denial because the store failed is a 503 that blames no policy', () => {
  assert.deepEqual(problemOf({ source: 'deny', policies }), {
    type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
    title: 'Request cannot be satisfied due to temporary server capacity constraints',
    status: 503,
  });
});
