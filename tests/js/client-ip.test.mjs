// The key of a client's address, in every spelling: addresses that IPv6 embeds are IPv4 clients.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientIpKey } from '../../dist/http/client-ip.js';
import { seededNumbers, testSeed } from '../support/random.mjs';

/** RFC 6052, section 2.2: the address that embeds an IPv4 address under a prefix of so many bits. */
function embed(prefix, length, ipv4) {
  const bytes = new Array(16).fill(0);
  for (const [i, byte] of prefix.entries()) bytes[i] = byte;
  let at = length / 8;
  for (const byte of ipv4.split('.').map(Number)) {
    if (at === 8) at++; // Bits 64 to 71 are 0.
    bytes[at++] = byte;
  }
  const groups = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] << 8) | bytes[i + 1]).toString(16));
  return groups.join(':');
}

const WELL_KNOWN = [0x00, 0x64, 0xff, 0x9b];
const LOCAL = [0x00, 0x64, 0xff, 0x9b, 0x00, 0x01];

test('IPv4 clients behind NAT64 with the well-known prefix have the keys of their IPv4 addresses', () => {
  assert.equal(embed(WELL_KNOWN, 96, '192.0.2.33'), '64:ff9b:0:0:0:0:c000:221'); // as in RFC 6052
  for (const ip of ['64:ff9b::192.0.2.33', '64:ff9b::c000:221', '0064:FF9B:0:0:0:0:192.0.2.33']) {
    assert.equal(clientIpKey(ip), '192.0.2.33', ip);
  }
});

test('IPv4 clients behind the local translation prefix have the keys of their IPv4 addresses, whatever its length', () => {
  const prefixes = [
    [LOCAL, 48],
    [[...LOCAL, 0xab], 56],
    [[...LOCAL, 0xab, 0xcd], 64],
    [[...LOCAL, 0xab, 0xcd], 96],
    [LOCAL, 96],
  ];
  for (const [prefix, length] of prefixes) {
    for (const ipv4 of ['192.0.2.33', '198.51.100.7', '1.0.0.1', '10.255.0.9']) {
      const ip = embed(prefix, length, ipv4);
      assert.equal(clientIpKey(ip), ipv4, `${ip}, a prefix of ${length} bits`);
    }
  }
  assert.equal(clientIpKey('64:ff9b:1:c000:2:2100::'), '192.0.2.33');
  assert.equal(clientIpKey('64:ff9b:1::192.0.2.33'), '192.0.2.33');
});

test('an address under the local prefix that RFC 6052 does not know stays IPv6', () => {
  assert.equal(clientIpKey('64:ff9b:1:0:1200::1'), '64:ff9b:1:0::/56');
});

test('IPv4-translated and IPv4-compatible addresses have the key of the IPv4 address', () => {
  for (const ip of ['::ffff:0:192.0.2.33', '::ffff:0:c000:221', '0:0:0:0:FFFF:0:192.0.2.33']) {
    assert.equal(clientIpKey(ip), '192.0.2.33', ip);
  }
  assert.equal(clientIpKey('::192.0.2.33'), '192.0.2.33');
  assert.equal(clientIpKey('::c000:221'), '192.0.2.33');
});

test('an IPv4-mapped address is the IPv4 address in hexadecimal too', () => {
  for (const ip of [
    '::ffff:102:304',
    '::ffff:1.2.3.4',
    '0::FFFF:0102:0304',
    '::ffff:1.2.3.4%eth0',
  ]) {
    assert.equal(clientIpKey(ip), '1.2.3.4', ip);
  }
});

test('an IPv6 address whose end is written as IPv4 stays IPv6', () => {
  assert.equal(clientIpKey('2001:db8::1.2.3.4'), '2001:db8:0:0::/56');
  assert.equal(clientIpKey('64:ff9b:2::1.2.3.4'), '64:ff9b:2:0::/56');
  assert.equal(clientIpKey('64:ff9b::1:1.2.3.4'), '64:ff9b:0:0::/56');
  assert.equal(clientIpKey('0:0:1::ffff:1.2.3.4'), '0:0:1:0::/56');
});

test('loopback, 6to4 and Teredo addresses stay IPv6', () => {
  assert.equal(clientIpKey('::1'), '0:0:0:0::/56');
  assert.equal(clientIpKey('2002:c000:221::1'), '2002:c000:221:0::/56');
  assert.equal(clientIpKey('2001:0:c000:221::1'), '2001:0:c000:200::/56');
});

test('a zone of any length and kind is no part of the key', () => {
  for (const zone of ['eth0', '1', 'a'.repeat(5000), 'v1.2.3.4']) {
    assert.equal(clientIpKey(`fe80:0:0:1234::1%${zone}`), 'fe80:0:0:1200::/56');
    assert.equal(clientIpKey(`64:ff9b::192.0.2.33%${zone}`), '192.0.2.33');
  }
});

test('every spelling of a random address gives one key', () => {
  const seed = testSeed();
  const random = seededNumbers(seed);
  for (let step = 0; step < 2000; step++) {
    const groups = Array.from({ length: 8 }, () => (random(3) === 0 ? random(65536) : 0));
    const last = groups.slice(6).flatMap((group) => [group >> 8, group & 255]);
    const hex = groups.map((group) => group.toString(16));
    const spellings = [
      hex.join(':'),
      hex.map((group) => group.toUpperCase().padStart(4, '0')).join(':'),
      `${hex.slice(0, 6).join(':')}:${last.join('.')}`,
      `${new URL(`http://[${hex.join(':')}]/`).hostname.slice(1, -1)}`,
    ];
    const keys = new Set(spellings.map(clientIpKey));
    assert.equal(keys.size, 1, `seed ${seed}, step ${step}: ${spellings.join(' ')}: ${[...keys]}`);
  }
});
