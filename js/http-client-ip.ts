// The key of a caller known only by its IP address.

import { isIPv4, isIPv6 } from 'node:net';
import { Address6 } from 'ip-address';
import { typeError } from './errors.js';

// One customer commonly gets a /56 to a /64 to draw addresses from; a key per address would be no limit.
const IPV6_PREFIX_BITS = 56;

// How Node spells an IPv4 client of a server that listens on `::`, as most do: a short cut, no other rule.
const MAPPED = '::ffff:';

/**
 * The key for a client's address: an IPv4 address as it is, an IPv4 address written as IPv6 without its
 * wrapping, an IPv6 address cut to its /56 network (`2001:db8:12:3400::/56`), whatever its spelling.
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
    "the client's IP address (set Express's 'trust proxy', or pass your own 'key')",
  );
}

function ipv6Key(ip: string): string {
  const address = new Address6(ip);
  if (address.isMapped4()) return address.to4().correctForm();
  // The library can name the network itself, at five times the price: it counts addresses in BigInt.
  const groups: string[] = [];
  for (let bits = IPV6_PREFIX_BITS, i = 0; bits > 0; bits -= 16, i++) {
    const group = Number.parseInt(address.parsedAddress[i] as string, 16);
    groups.push((bits >= 16 ? group : group & (0xffff << (16 - bits))).toString(16));
  }
  return `${groups.join(':')}::/${IPV6_PREFIX_BITS}`;
}
