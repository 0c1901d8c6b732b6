// The header fields of express-rate-limit, byte for byte: X-RateLimit-* and drafts 6, 7 and 8 of RateLimit.
//
// Source: the responses of express-rate-limit 8.7.4, which compat-differential.test.mjs compares.

import { createHash } from 'node:crypto';
import type { Response } from 'express';

/** The numbers that the fields show. */
export interface Shown {
  readonly limit: number;
  readonly remaining: number;
  readonly resetTime: Date | undefined;
}

/** The rest of the window, in whole seconds rounded up; the whole window if its end is unknown. */
export function resetSeconds({ resetTime }: Shown, windowMs: number): number {
  if (!resetTime) return Math.ceil(windowMs / 1000);
  return Math.max(0, Math.ceil((resetTime.getTime() - Date.now()) / 1000));
}

export function writeLegacy(res: Response, { limit, remaining, resetTime }: Shown): void {
  res.setHeader('X-RateLimit-Limit', `${limit}`);
  res.setHeader('X-RateLimit-Remaining', `${remaining}`);
  if (!(resetTime instanceof Date)) return;
  // So that a client with a wrong clock can relate the time that follows.
  res.setHeader('Date', new Date().toUTCString());
  res.setHeader('X-RateLimit-Reset', `${Math.ceil(resetTime.getTime() / 1000)}`);
}

const windowSeconds = (windowMs: number) => Math.ceil(windowMs / 1000);

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-06.html */
export function writeDraft6(res: Response, shown: Shown, windowMs: number): void {
  res.setHeader('RateLimit-Policy', `${shown.limit};w=${windowSeconds(windowMs)}`);
  res.setHeader('RateLimit-Limit', `${shown.limit}`);
  res.setHeader('RateLimit-Remaining', `${shown.remaining}`);
  res.setHeader('RateLimit-Reset', `${resetSeconds(shown, windowMs)}`);
}

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-07.html */
export function writeDraft7(res: Response, shown: Shown, windowMs: number): void {
  const { limit, remaining } = shown;
  const reset = resetSeconds(shown, windowMs);
  res.setHeader('RateLimit-Policy', `${limit};w=${windowSeconds(windowMs)}`);
  res.setHeader('RateLimit', `limit=${limit}, remaining=${remaining}, reset=${reset}`);
}

/** A value that tells keys apart without showing them. */
function partitionKey(key: unknown): string {
  const digits = createHash('sha256').update(String(key)).digest('hex').slice(0, 12);
  return Buffer.from(digits).toString('base64');
}

/**
 * Adds a member to both fields, beside those of other limiters.
 *
 * https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-08.html
 */
export function writeDraft8(
  res: Response,
  shown: Shown,
  windowMs: number,
  name: string,
  key: unknown,
): void {
  const item = `"${name.replace(/["\\]/g, '\\$&')}"`;
  const { limit, remaining } = shown;
  const t = resetSeconds(shown, windowMs);
  const w = windowSeconds(windowMs);
  res.append('RateLimit', `${item}; r=${remaining}; t=${t}`);
  res.append('RateLimit-Policy', `${item}; q=${limit}; w=${w}; pk=:${partitionKey(key)}:`);
}

/** Milliseconds, the name of one unit and of other numbers of it, the longest first. */
const UNITS = [
  [86_400_000, 'day', 'days'],
  [3_600_000, 'hr', 'hrs'],
  [60_000, 'min', 'min'],
  [1_000, 'sec', 'sec'],
] as const;

/** The default name of a limit in draft 8: `5-in-1min`. */
export function defaultIdentifier(limit: number, windowMs: number): string {
  const [unit, one, many] = UNITS.find(([ms]) => windowMs >= ms) ?? UNITS[3];
  const count = windowMs / unit;
  return `${limit}-in-${count}${count === 1 ? one : many}`;
}
