// The client's address as a key.

import type { Request } from 'express';
import { addressKey } from '../http/client-ip.js';

/**
 * The client's address as a key: Sluice's default. `req.ip`, with 'trust proxy' applied; an IPv4 address in an IPv6
 * address is unwrapped, and any other IPv6 address is cut to its /56.
 *
 * @throws TypeError `ERR_SLUICE_CLIENT_IP` if the request has no address
 * @example
 * import { tokenBucket } from 'sluice';
 * import { clientIp, rateLimit } from 'sluice/express';
 *
 * const policies = tokenBucket({ capacity: 20, refill: 10, every: '1s' });
 * app.use(rateLimit({ policies, key: (req) => req.get('x-user') ?? clientIp(req) }));
 */
export const clientIp: (req: Request) => string = addressKey;
