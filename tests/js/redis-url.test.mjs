// URLs of Redis servers: their parts, and the refusals of invalid ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, parseUrl } from '../../dist/redis/url.js';

const PARTS = {
  host: '',
  port: 6379,
  path: '',
  user: '',
  password: '',
  database: 0,
  secure: false,
};
const LONGEST = process.platform === 'linux' ? 107 : 103;

const parse = (url) => parseUrl(url, 6379, (reason) => new Error(reason));

for (const [url, parts, address] of [
  ['redis://cache.internal', { host: 'cache.internal' }, 'cache.internal:6379'],
  [
    'redis://app:s3cret@10.0.0.7:7000/15',
    { host: '10.0.0.7', port: 7000, user: 'app', password: 's3cret', database: 15 },
    '10.0.0.7:7000',
  ],
  // Percent signs are decoded in user and password.
  ['redis://a%40b:p%3Aw%2f%25%00@h/', { host: 'h', user: 'a@b', password: 'p:w/%\0' }],
  ['redis://%C3%A4:%E2%82%AC@h', { host: 'h', user: 'ä', password: '€' }],
  ['redis://:only@h', { host: 'h', password: 'only' }],
  ['redis://u:p@ss:w@h', { host: 'h', user: 'u', password: 'p@ss:w' }],
  ['redis://@h', { host: 'h' }],
  // An IPv6 address is in brackets.
  [
    'redis://:pw@[2001:db8::1]:7001/2',
    { host: '2001:db8::1', port: 7001, password: 'pw', database: 2 },
    '[2001:db8::1]:7001',
  ],
  ['redis://[::1]', { host: '::1' }, '[::1]:6379'],
  // Schemes, in any case.
  [
    'rediss://app:pw@cache.internal:6380/2',
    { host: 'cache.internal', port: 6380, user: 'app', password: 'pw', database: 2, secure: true },
  ],
  [
    'valkeys://app:pw@cache.internal:6380/2',
    { host: 'cache.internal', port: 6380, user: 'app', password: 'pw', database: 2, secure: true },
  ],
  ['valkey://cache.internal', { host: 'cache.internal' }],
  ['REDIS://h', { host: 'h' }],
  ['Rediss://h', { host: 'h', secure: true }],
  ['VALKEYS://h', { host: 'h', secure: true }],
  ['Redis+Unix:///run/S', { path: '/run/S' }],
  // A unix socket is a path.
  [
    'redis+unix:///run/redis/redis.sock',
    { path: '/run/redis/redis.sock' },
    'unix:/run/redis/redis.sock',
  ],
  [
    'redis+unix://app:p%2Fw@/tmp/a%20b@c?db=15',
    { path: '/tmp/a b@c', user: 'app', password: 'p/w', database: 15 },
  ],
  [`redis+unix:///${'a'.repeat(LONGEST - 1)}`, { path: `/${'a'.repeat(LONGEST - 1)}` }],
  // The query may name the database and any address family.
  ['redis://h?family=0', { host: 'h' }],
  [
    'redis://u:p@h:7000/2?family=0',
    { host: 'h', port: 7000, user: 'u', password: 'p', database: 2 },
  ],
  ['redis://h?db=3', { host: 'h', database: 3 }],
  ['redis://h/?family=0&db=3', { host: 'h', database: 3 }],
  ['redis://h/3?db=3', { host: 'h', database: 3 }],
  ['redis://h?', { host: 'h' }],
  ['redis+unix:///run/s?family=0&db=3', { path: '/run/s', database: 3 }],
]) {
  test(`${url.slice(0, 50)} is read`, () => {
    const read = parse(url);
    assert.deepEqual(read, { ...PARTS, ...parts });
    if (address !== undefined) assert.equal(addressOf(read), address);
  });
}

test('the default port is for URLs of a server without a port', () => {
  const at = (url) => parseUrl(url, 26379, (reason) => new Error(reason)).port;
  assert.deepEqual([at('redis://h'), at('redis://[::1]'), at('redis://h:1')], [26379, 26379, 1]);
});

for (const [reason, urls] of [
  [/begin with redis:/, ['', 'localhost:6379', 'http://h', 'REDIS:/h', 'unix:///tmp/redis.sock']],
  [
    /^the host must be a name/,
    [
      'redis://',
      'redis://:hunter2@',
      'redis:///1',
      'redis://ho st',
      'redis://ho\nst',
      'redis://::1',
      `redis://${'h'.repeat(254)}`,
      'redis://:hunter?2@h',
    ],
  ],
  // The part before the '/' of a password looks like a port.
  [/^the (host|port) must be .* percent-encoded$/, ['redis://:hunter/2@h', 'redis://u:hunter/2@h']],
  [/lacks its '\]'/, ['redis://[::1']],
  [
    /must be an IPv6 address/,
    ['redis://[nope]', 'redis://[::1\0]', 'redis://[fe80::1%25eth0]', 'redis://[fe80::1%eth0]'],
  ],
  [/only a port may follow/, ['redis://[::1]6379']],
  [
    /^the port must be/,
    [
      'redis://h:',
      'redis://h:0',
      'redis://h:65536',
      'redis://h:+1',
      'redis://h:1:2',
      'redis://[::1]:',
    ],
  ],
  [
    /^the database must be/,
    [
      'redis://h/x',
      'redis://h/-1',
      'redis://h/-0',
      'redis://h/1/2',
      'redis://h/99999999999',
      'redis://h?db=x',
      'redis+unix:///run/s?db=x',
    ],
  ],
  [/^only \?db=/, ['redis://h?family=6', 'redis://h?hunter=2', 'redis+unix:///run/s?hunter=1']],
  [/two databases/, ['redis://h/1?db=2', 'redis://h?db=1&db=2']],
  [/no '#'/, ['redis://h#1', 'redis://:hunter#2@h']],
  [/a user needs a password/, ['redis://hunter2@h', 'redis+unix://hunter2@/run/s']],
  [/'%' in the user/, ['redis://u%zz:p@h', 'redis://u%FF:p@h']],
  [/'%' in the password/, ['redis://:hunter%2@h', 'redis+unix://:hunter%@/run/s']],
  [
    /^the socket's path must begin with '\/'/,
    [
      'redis+unix://',
      'redis+unix://run/s',
      'redis+unix://:hunter2@',
      'redis+unix://:hunter/2@/run/s',
      'redis+unix://:hunter?2@/run/s',
    ],
  ],
  [/'%' in the socket's path/, ['redis+unix:///run/%2']],
  [/written %23/, ['redis+unix:///run/s#1']],
  [/none of them zero/, ['redis+unix:///run/%00', `redis+unix:///${'a'.repeat(LONGEST)}`]],
]) {
  for (const url of urls) {
    test(`${JSON.stringify(url.slice(0, 50))} is refused, and the error quotes nothing`, () => {
      assert.throws(
        () => parse(url),
        ({ message }) => reason.test(message) && !message.includes('hunter'),
      );
    });
  }
}
