// Ids of reservations, which another process can use: they name the holder, the plan and the key.

import { createHash } from 'node:crypto';
import { typeError } from './errors.js';
import type { Key } from './types.js';

/** A reservation as its id tells it. */
export interface ReservationName {
  /** 32 hexadecimal digits. */
  readonly holder: string;
  readonly plan: string | undefined;
  readonly key: Key;
  /** Whether a process made it in place of a store that failed; only that process knows it. */
  readonly isLocal: boolean;
}

const VERSION = '1';
/** holder, scope, and whether it is local; then the plan and the key as JSON in base64url. */
const FORM = /^1([0-9a-f]{32})([0-9a-f]{16})([ls])([A-Za-z0-9_-]+)$/;

/** Tells limiters of one program apart: 16 hexadecimal digits. */
export function scopeDigest(scope: string): string {
  return createHash('sha256').update(scope).digest('hex').slice(0, 16);
}

export function formatId({ holder, plan, key, isLocal }: ReservationName, scope: string): string {
  const rest = JSON.stringify(plan === undefined ? [key] : [key, plan]);
  const place = isLocal ? 'l' : 's';
  return `${VERSION}${holder}${scope}${place}${Buffer.from(rest).toString('base64url')}`;
}

/**
 * Reads an id; `undefined` for one of another limiter.
 *
 * @throws TypeError `ERR_SLUICE_RESERVATION` for a value that is no id
 */
export function parseId(id: unknown, scope: string): ReservationName | undefined {
  const wrong = () =>
    typeError('ERR_SLUICE_RESERVATION', 'id', id, 'the id of a reservation, from reservation.id');
  if (typeof id !== 'string') throw wrong();
  const parts = FORM.exec(id);
  if (parts === null) throw wrong();
  const [, holder, of, place, rest] = parts as unknown as [string, string, string, string, string];
  let told: unknown;
  try {
    told = JSON.parse(Buffer.from(rest, 'base64url').toString());
  } catch {
    throw wrong();
  }
  if (!Array.isArray(told) || told.length < 1 || told.length > 2) throw wrong();
  if (of !== scope) return undefined;
  const [key, plan] = told as [Key, string | undefined];
  return { holder, plan, key, isLocal: place === 'l' };
}
