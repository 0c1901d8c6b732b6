// The slots of an admitted call, in the caller's hands.

import { randomFillSync } from 'node:crypto';
import type { Holder } from './types.js';

const BYTES = 16;
/** Randomness is fetched for many ids at once: that costs a twentieth. */
const pool = Buffer.alloc(BYTES * 256);
let used = pool.length;

/** 128 random bits, as 32 hexadecimal digits. */
export function newHolderId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.toString('hex', used - BYTES, used);
}

/** What a holder does is done by whoever made the decision. */
export class Slots implements Holder {
  readonly id: string;
  readonly #act: (what: 'release' | 'renew', id: string) => Promise<boolean>;

  constructor(id: string, act: (what: 'release' | 'renew', id: string) => Promise<boolean>) {
    this.id = id;
    this.#act = act;
  }

  release(): Promise<boolean> {
    return this.#act('release', this.id);
  }

  renew(): Promise<boolean> {
    return this.#act('renew', this.id);
  }
}
