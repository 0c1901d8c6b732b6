// The key of a client's address, as express-rate-limit names it.

import { isIPv6 } from 'node:net';
import { Address6 } from 'ip-address';
import { embeddedIPv4In } from '../../http/client-ip.js';
import { rangeError } from '../../limiter/errors.js';

export const DEFAULT_SUBNET = 56;

export function isSubnet(bits: unknown): bits is number {
  return Number.isInteger(bits) && (bits as number) >= 1 && (bits as number) <= 128;
}

/**
 * The key for a client's address, for a `keyGenerator` of your own. An IPv6 address is cut to its subnet, because one
 * customer has at least that many addresses; an IPv4 address in an IPv6 address becomes IPv4. Any other text is
 * returned as it is.
 *
 * @param ip usually `req.ip`
 * @param ipv6Subnet the bits to keep: 1 to 128; `false`: all, in one spelling. Default 56
 * @throws RangeError `ERR_SLUICE_OPTIONS` for another number of bits
 * @example
 * import { ipKeyGenerator } from 'sluice/express';
 *
 * ipKeyGenerator('2001:db8:12:34ff::1'); // '2001:db8:12:3400::/56'
 * ipKeyGenerator('::ffff:102:304'); // '1.2.3.4'
 */
export function ipKeyGenerator(ip: string, ipv6Subnet: number | false = DEFAULT_SUBNET): string {
  if (ipv6Subnet && !isSubnet(ipv6Subnet)) {
    const expected = 'a whole number from 1 to 128, or false';
    throw rangeError('ERR_SLUICE_OPTIONS', 'ipv6Subnet', ipv6Subnet, expected);
  }
  if (!isIPv6(ip)) return ip;
  const ipv4 = embeddedIPv4In(ip);
  if (ipv4 !== undefined) return ipv4;
  const [address] = ip.split('%') as [string];
  if (!ipv6Subnet) return new Address6(address).correctForm();
  return new Address6(`${address}/${ipv6Subnet}`).networkForm();
}
