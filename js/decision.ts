// The answer to a check, made of the numbers that native code leaves in the exchange.

import { inspect } from 'node:util';
import { native } from './native.js';
import type { Decision, Policy, PolicyDecision, Source } from './types.js';

/** A limiter's policies in the order declared. */
export interface PolicyTable<Name extends string> {
  readonly names: readonly Name[];
  readonly policies: readonly Policy[];
}

const SOURCES: readonly Source[] = ['store', 'local', 'allow', 'deny'];
const NUMBERS_PER_POLICY = 4;
/** Under the rule 'deny' nobody knows when it will be better; callers may as well try again in a second. */
const RETRY_UNKNOWN_MS = 1000;

class NativeDecision<Name extends string> implements Decision<Name> {
  readonly allowed: boolean;
  readonly policy: Name;
  readonly limit: number;
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly resetAfterMs: number;
  readonly delayMs: number;
  readonly source: Source;
  readonly #table: PolicyTable<Name>;
  /** Per policy, as in the exchange; not kept for one policy, whose numbers are those above. */
  readonly #numbers: Float64Array | undefined;

  constructor(
    table: PolicyTable<Name>,
    allowed: boolean,
    binding: number,
    source: Source,
    remaining: number,
    retryAfterMs: number,
    resetAfterMs: number,
    delayMs: number,
    numbers: Float64Array | undefined,
  ) {
    this.allowed = allowed;
    this.policy = table.names[binding]!;
    this.limit = table.policies[binding]!.limit;
    this.remaining = remaining;
    this.retryAfterMs = retryAfterMs;
    this.resetAfterMs = resetAfterMs;
    this.delayMs = delayMs;
    this.source = source;
    this.#table = table;
    this.#numbers = numbers;
  }

  get policies(): readonly PolicyDecision<Name>[] {
    const { names, policies } = this.#table;
    const numbers = this.#numbers;
    return names.map((policy, i) => {
      const limit = policies[i]!.limit;
      if (numbers === undefined) {
        const { allowed, remaining, retryAfterMs, resetAfterMs } = this;
        return { policy, allowed, limit, remaining, retryAfterMs, resetAfterMs };
      }
      const at = i * NUMBERS_PER_POLICY;
      return {
        policy,
        allowed: numbers[at] === 1,
        limit,
        remaining: numbers[at + 1]!,
        retryAfterMs: numbers[at + 2]!,
        resetAfterMs: numbers[at + 3]!,
      };
    });
  }

  toJSON(): object {
    const { allowed, policy, limit, remaining, retryAfterMs, resetAfterMs, delayMs, source } = this;
    const { policies } = this;
    return {
      allowed,
      policy,
      limit,
      remaining,
      retryAfterMs,
      resetAfterMs,
      delayMs,
      source,
      policies,
    };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }
}

/** Reads the verdict whose code is `code` and whose numbers stand at `at` in the exchange. */
export function readDecision<Name extends string>(
  table: PolicyTable<Name>,
  code: number,
  at: number,
): Decision<Name> {
  const { exchange } = native;
  const allowed = (code & 1) === 1;
  const binding = (code >> 1) & 15;
  const source = SOURCES[code >> 5]!;
  const count = table.names.length;
  if (source === 'allow' || source === 'deny') {
    const retry = allowed ? 0 : RETRY_UNKNOWN_MS;
    const unknown = new Float64Array(count * NUMBERS_PER_POLICY);
    for (let i = 0; i < count; i++)
      unknown.set([code & 1, Number.NaN, retry, 0], i * NUMBERS_PER_POLICY);
    return new NativeDecision(table, allowed, 0, source, Number.NaN, retry, 0, 0, unknown);
  }
  const first = at + 1;
  const mine = first + binding * NUMBERS_PER_POLICY;
  return new NativeDecision(
    table,
    allowed,
    binding,
    source,
    exchange[mine + 1]!,
    exchange[mine + 2]!,
    exchange[mine + 3]!,
    exchange[at]!,
    count === 1 ? undefined : exchange.slice(first, first + count * NUMBERS_PER_POLICY),
  );
}

/** How many numbers of the exchange a verdict takes behind its code. */
export function verdictLength(table: PolicyTable<string>, code: number): number {
  if (code < 0) return 0;
  const source = SOURCES[code >> 5];
  return source === 'allow' || source === 'deny' ? 1 : 1 + table.names.length * NUMBERS_PER_POLICY;
}
