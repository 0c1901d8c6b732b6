// The key of a caller known only by its IP address.

import { isIPv4, isIPv6 } from 'node:net';
import { Address6 } from 'ip-address';
import type { Later } from '../limiter/engine.js';
import { typeError } from '../limiter/errors.js';
import type { Key } from '../limiter/types.js';
import { isPromise } from './guard.js';
import { type FrameworkRequest, warnOfProxyTrust } from './setup-warnings.js';

// One customer commonly gets a /56 to a /64 to draw addresses from; a key per address would be no limit.
const IPV6_PREFIX_BITS = 56;

// How Node spells an IPv4 client of a server that listens on `::`, as most do: a short cut, no other rule.
const MAPPED = '::ffff:';

/**
 * The key for a client's address. An IPv4 address stays as it is, an IPv4 address in an IPv6 address becomes IPv4, and
 * any other IPv6 address is cut to its /56 network (`2001:db8:12:3400::/56`). Every spelling of an address gives the
 * same key.
 *
 * 6to4 (2002::/16) and Teredo (2001::/32) addresses stay IPv6: both are deprecated, and hardly any network routes them.
 *
 * @param ip as the framework gives it, its own trust in proxies applied
 * @throws TypeError `ERR_SLUICE_CLIENT_IP` for anything that is not an address: a missing one (a server on
 *   a unix socket), or one that a proxy wrote with a port, which would give every connection its own key
 */
export function clientIpKey(ip: unknown): string {
  if (typeof ip === 'string') {
    if (isIPv4(ip)) return ip;
    if (ip.startsWith(MAPPED) && isIPv4(ip.slice(MAPPED.length))) return ip.slice(MAPPED.length);
    if (isIPv6(ip)) return ipv6Key(ip);
  }
  throw typeError(
    'ERR_SLUICE_CLIENT_IP',
    'req.ip',
    ip,
    "the client's IP address (tell the framework which proxies to trust, or give your own 'key')",
  );
}

/**
 * The default key of a request of Express or Fastify: its client's address. Warns if the framework's trust in proxies
 * makes that a bad key.
 *
 * @throws TypeError `ERR_SLUICE_CLIENT_IP`
 */
export function addressKey(request: FrameworkRequest): string {
  warnOfProxyTrust(request);
  return clientIpKey(request.ip);
}

/**
 * The key that a key function returned; the client's address where it returned none.
 *
 * @throws TypeError `ERR_SLUICE_CLIENT_IP`
 */
export function orAddress(key: Later<Key | undefined>, request: FrameworkRequest): Later<Key> {
  return isPromise(key)
    ? Promise.resolve(key).then((key) => key ?? addressKey(request))
    : (key ?? addressKey(request));
}

/** The eight groups of 16 bits. The zone names an interface of this host, and is no part of the address. */
function groupsOf(ip: string): number[] {
  const zone = ip.indexOf('%');
  const { parsedAddress } = new Address6(zone < 0 ? ip : ip.slice(0, zone));
  return parsedAddress.map((group) => Number.parseInt(group, 16));
}

const isZero = (number: number) => number === 0;

/** The prefix of RFC 8215, 64:ff9b:1::/48, as its first groups. */
function isLocalTranslation([a, b, c]: readonly number[]): boolean {
  return a === 0x64 && b === 0xff9b && c === 1;
}

/**
 * The position of the IPv4 address in an address under 64:ff9b:1::/48, as indexes of its bytes. A network may use the
 * whole prefix or a longer one below it, and the layout depends on the length (RFC 6052, section 2.2). Byte 8 is
 * always 0, and so is all behind the IPv4 address, which tells the layouts apart.
 */
function localTranslationBytes(bytes: readonly number[]): readonly number[] | undefined {
  if (bytes[8] !== 0) return undefined;
  if (bytes.slice(11).every(isZero)) return [6, 7, 9, 10]; // a prefix of 48 bits
  if (bytes.slice(12).every(isZero)) return [7, 9, 10, 11]; // 56
  if (bytes.slice(13).every(isZero)) return [9, 10, 11, 12]; // 64
  return [12, 13, 14, 15]; // 96
}

/** Whether the last two groups are an IPv4 address, by the six groups before them. */
function endsWithIPv4([a, b, c, d, e, f, high]: readonly number[]): boolean {
  if (c !== 0 || d !== 0) return false;
  if (a === 0x64 && b === 0xff9b) return e === 0 && f === 0; // 64:ff9b::/96, RFC 6052
  if (a !== 0 || b !== 0) return false;
  if (e === 0 && f === 0xffff) return true; // ::ffff:a.b.c.d, IPv4-mapped
  if (e === 0xffff && f === 0) return true; // ::ffff:0:a.b.c.d, IPv4-translated, RFC 2765
  return e === 0 && f === 0 && high !== 0; // ::a.b.c.d, IPv4-compatible; not :: and ::1
}

/** The IPv4 address that an IPv6 address embeds, as four bytes. */
function embeddedIPv4(groups: readonly number[]): number[] | undefined {
  const isLocal = isLocalTranslation(groups);
  if (!isLocal && !endsWithIPv4(groups)) return undefined;
  const bytes = groups.flatMap((group) => [group >> 8, group & 0xff]);
  return isLocal
    ? localTranslationBytes(bytes)?.map((index) => bytes[index] as number)
    : bytes.slice(12);
}

/** The IPv4 address that an IPv6 address embeds, as text. */
export function embeddedIPv4In(ip: string): string | undefined {
  return embeddedIPv4(groupsOf(ip))?.join('.');
}

function ipv6Key(ip: string): string {
  const groups = groupsOf(ip);
  const ipv4 = embeddedIPv4(groups);
  if (ipv4 !== undefined) return ipv4.join('.');
  // The library can name the network itself, at five times the price: it counts addresses in BigInt.
  const network: string[] = [];
  for (let bits = IPV6_PREFIX_BITS, i = 0; bits > 0; bits -= 16, i++) {
    const group = groups[i] as number;
    network.push((bits >= 16 ? group : group & (0xffff << (16 - bits))).toString(16));
  }
  return `${network.join(':')}::/${IPV6_PREFIX_BITS}`;
}
