// Lengths of time that express-rate-limit exports.

/**
 * A second, in ms.
 *
 * @deprecated Kept for users of express-rate-limit.
 * @example
 * import { rateLimit, SECOND } from 'sluice/express';
 *
 * app.use(rateLimit({ windowMs: 30 * SECOND, limit: 5 }));
 */
export const SECOND = 1000;

/**
 * A minute, in ms.
 *
 * @deprecated Kept for users of express-rate-limit.
 * @example
 * import { MINUTE, rateLimit } from 'sluice/express';
 *
 * app.use(rateLimit({ windowMs: 15 * MINUTE, limit: 100 }));
 */
export const MINUTE = 60_000;

/**
 * An hour, in ms.
 *
 * @deprecated Kept for users of express-rate-limit.
 * @example
 * import { HOUR, rateLimit } from 'sluice/express';
 *
 * app.use(rateLimit({ windowMs: HOUR, limit: 1000 }));
 */
export const HOUR = 3_600_000;

/**
 * A day of 24 hours, in ms.
 *
 * @deprecated Kept for users of express-rate-limit.
 * @example
 * import { DAY, rateLimit } from 'sluice/express';
 *
 * app.use(rateLimit({ windowMs: DAY, limit: 10_000 }));
 */
export const DAY = 86_400_000;
