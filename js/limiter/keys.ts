// Keys of callers: strings, and objects of parts.

import type { NativeKeys } from '../native.js';
import { checkOptionNames, type NameCheck, rangeError, typeError } from './errors.js';
import type { Policy } from './types.js';

/** A key in the form for native code. */
export interface ResolvedKey {
  /** One for all policies, or one for each in the order declared. */
  readonly keys: NativeKeys;
  /** The text that puts all of them on one slot of a cluster. */
  readonly shard: string | undefined;
  /** Identifies the key within this process. */
  readonly id: string;
}

/** @throws TypeError `ERR_SLUICE_KEY` unless it is a string that is not empty */
export function checkKey(key: unknown, name = 'key'): asserts key is string {
  if (typeof key !== 'string' || key === '') {
    const isNumber = typeof key === 'number' || typeof key === 'bigint';
    const expected = isNumber ? 'a string, such as String(id)' : 'a string that is not empty';
    throw typeError('ERR_SLUICE_KEY', name, key, expected);
  }
}

const PARTS: NameCheck = { kind: 'part' };

// Distinct parts give distinct texts.
function join(values: readonly string[]): string {
  if (values.length === 1) return values[0]!;
  return values.map((value) => value.replace(/[%:]/g, encodeURIComponent)).join(':');
}

/** Reads the keys of one set of policies. */
export class KeyReader {
  /** The parts that each policy counts by; `undefined` where keys are strings. */
  readonly #by: readonly (readonly string[])[] | undefined;
  readonly #shardBy: string | undefined;
  readonly #parts: readonly string[];
  /** The parts that a key may have: the parts of all plans. */
  readonly #known: readonly string[];

  /**
   * `known`: further parts that a key may have.
   *
   * @throws RangeError `ERR_SLUICE_POLICY` if some policies have a `by` and others have none
   */
  constructor(
    names: readonly string[],
    policies: readonly Policy[],
    shardBy: string | undefined,
    where = 'policies',
    known: readonly string[] = [],
  ) {
    this.#shardBy = shardBy;
    const without = policies.findIndex(({ by }) => by === undefined);
    if (without >= 0) {
      const other = policies.findIndex(({ by }) => by !== undefined);
      if (other >= 0) {
        const expected = `given, as policy '${names[other]}' has one: a key is made of parts for all policies or for none`;
        throw rangeError('ERR_SLUICE_POLICY', `${where}.${names[without]}.by`, undefined, expected);
      }
      if (shardBy !== undefined) {
        const expected = "left out: it needs policies that say 'by'";
        throw rangeError('ERR_SLUICE_OPTIONS', 'shardBy', shardBy, expected);
      }
      this.#parts = [];
      this.#known = [];
      return;
    }
    this.#by = policies.map(({ by }) => by!);
    this.#parts = [...new Set([...this.#by.flat(), ...(shardBy === undefined ? [] : [shardBy])])];
    this.#known = [...new Set([...this.#parts, ...known])];
  }

  /** Whether keys are strings, which need no conversion. */
  get plain(): boolean {
    return this.#by === undefined;
  }

  /** @throws TypeError `ERR_SLUICE_KEY` naming the part that is missing or wrong */
  read(key: unknown, name = 'key'): ResolvedKey {
    const by = this.#by;
    if (by === undefined) {
      if (typeof key === 'object' && key !== null) {
        throw typeError('ERR_SLUICE_KEY', name, key, "a string: no policy says 'by'");
      }
      checkKey(key, name);
      return { keys: key, shard: undefined, id: key };
    }
    const parts = this.#readParts(key, name);
    for (const part of this.#parts) {
      if (parts.has(part)) continue;
      const expected = 'a string that is not empty: policies count by it';
      throw typeError('ERR_SLUICE_KEY', `${name}.${part}`, undefined, expected);
    }
    return this.#make(parts, by);
  }

  /** The keys that the policies count by, for errors. */
  get choices(): string[] {
    return (this.#by ?? []).map((mine) => `{ ${mine.join(', ')} }`);
  }

  /** The key of a block, and the policies that count by exactly its parts, one bit each. */
  readExactly(key: unknown, name = 'key'): { resolved: ResolvedKey; which: number } {
    const by = this.#by;
    if (by === undefined) return { resolved: this.read(key, name), which: 2 ** 31 - 1 };
    const parts = this.#readParts(key, name);
    const shardBy = this.#shardBy;
    if (shardBy !== undefined && !parts.has(shardBy)) {
      const expected = 'a string that is not empty: the limiter shards by it';
      throw typeError('ERR_SLUICE_KEY', `${name}.${shardBy}`, undefined, expected);
    }
    let which = 0;
    for (const [i, mine] of by.entries()) {
      const own = mine.filter((part) => part !== shardBy || parts.size === mine.length);
      const given = [...parts.keys()].filter((part) => part !== shardBy || own.includes(part));
      if (own.length === given.length && own.every((part) => parts.has(part))) which |= 1 << i;
    }
    return { resolved: this.#make(parts, by), which };
  }

  #readParts(key: unknown, name: string): Map<string, string> {
    // If all callers are counted together, the key does not matter.
    if (this.#known.length === 0 && typeof key === 'string') return new Map();
    if (typeof key !== 'object' || key === null || Array.isArray(key)) {
      const expected = `an object of the parts that policies count by: { ${this.#parts.join(', ')} }`;
      throw typeError('ERR_SLUICE_KEY', name, key, expected);
    }
    checkOptionNames(key, this.#known, name, PARTS);
    const parts = new Map<string, string>();
    for (const part of this.#known) {
      const value: unknown = Object.hasOwn(key, part)
        ? (key as Record<string, unknown>)[part]
        : undefined;
      if (value === undefined) continue;
      checkKey(value, `${name}.${part}`);
      parts.set(part, value);
    }
    return parts;
  }

  #make(parts: ReadonlyMap<string, string>, by: readonly (readonly string[])[]): ResolvedKey {
    const shard = this.#shardBy === undefined ? undefined : parts.get(this.#shardBy);
    const keys = by.map((mine) => join(mine.map((part) => parts.get(part) ?? '')));
    return { keys, shard, id: join(this.#parts.map((part) => parts.get(part) ?? '')) };
  }
}

/** A key for the memory store, which has no shards: keys in two shards are two keys. */
export function keysWithShard({ keys, shard }: ResolvedKey): NativeKeys {
  if (shard === undefined || typeof keys === 'string') return keys;
  return keys.map((key) => `${shard.length}:${shard}${key}`);
}
