// The slots of an admitted call.

import { randomFillSync } from 'node:crypto';
import type { Holder } from './types.js';

const BYTES = 16;
/** Fetches randomness for many ids at once, which takes a twentieth of the time. */
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

type Act = (what: 'release' | 'renew', id: string) => Promise<boolean>;

/** Releases and renews through the engine that granted the slots. */
export class Slots implements Holder {
  readonly id: string;
  readonly #act: Act;

  constructor(id: string, act: Act) {
    this.id = id;
    this.#act = act;
  }

  /** The same slots under another holder's id. */
  heldBy(id: string): Slots {
    return new Slots(id, this.#act);
  }

  release(): Promise<boolean> {
    return this.#act('release', this.id);
  }

  renew(): Promise<boolean> {
    return this.#act('renew', this.id);
  }
}
