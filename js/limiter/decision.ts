// The answer to a check, read from the numbers in the exchange.

import { inspect } from 'node:util';
import { native } from '../native.js';
import type { Slots } from './holder.js';
import type { Decision, Holder, Policy, PolicyDecision, Source } from './types.js';

/** A limiter's policies in the order declared. */
export interface PolicyTable<Name extends string> {
  readonly names: readonly Name[];
  /** The names that costs and limits may use: the names of all plans. */
  readonly known: readonly string[];
  readonly policies: readonly Policy[];
  readonly hasShadow: boolean;
  /** Whether one of them gives slots. */
  readonly hasSlots: boolean;
}

/** The charge of a decision, for refunds. */
export interface Charge {
  readonly table: PolicyTable<string>;
  /** `ResolvedKey.id` of the check. */
  readonly id: string;
  /** Whether a rule of this process charged its own store. */
  readonly local: boolean;
  /** For each policy: units; 0 if nothing was charged. */
  readonly units: readonly number[];
  readonly marks: readonly number[];
}

// Read once: the addon's exports are a dictionary, and each look-up in it takes about 5 ns.
const { exchange } = native;

const SOURCES: readonly Source[] = ['store', 'local', 'allow', 'deny', 'cache'];
/** Flag of a verdict's code: it was charged before, and its slots' holder follows. */
const REPEATED = 256;
/** Further flag: the slots had been lost, and the repeat took them again. */
const SLOTS_AGAIN = 512;
/** Flag of a denial's code: the key is blocked under a policy that enforces. */
const BLOCKED = 1024;
/** Instead of a code. */
export const ID_REUSED = -3;
/** An id has four numbers of 32 bits. */
const NUMBERS_PER_HOLDER = 4;
/** admits, limit, remaining, retryAfterMs, resetAfterMs, mark */
const NUMBERS_PER_POLICY = 6;
/** Under the rule 'deny' nobody knows when Redis is back; a second is a reasonable retry. */
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
  /** An own property, so that copies have it. */
  readonly policies: readonly PolicyDecision<Name>[];
  readonly #table: PolicyTable<Name>;
  readonly #id: string;
  readonly #units: number | readonly number[];
  /** The mark of one policy; or of each, `NaN` if it did not admit the call. */
  readonly #marks: number | readonly number[];

  /** `binding`: the index of the policy that binds. */
  constructor(
    table: PolicyTable<Name>,
    allowed: boolean,
    binding: number,
    source: Source,
    delayMs: number,
    id: string,
    units: number | readonly number[],
    marks: number | readonly number[],
    policies: readonly PolicyDecision<Name>[],
  ) {
    const { policy, limit, remaining, retryAfterMs, resetAfterMs } = policies[binding]!;
    this.allowed = allowed;
    this.policy = policy;
    this.limit = limit;
    this.remaining = remaining;
    // If no policy enforces, a shadow binds; `policies` shows its own decision.
    this.retryAfterMs = allowed ? 0 : retryAfterMs;
    this.resetAfterMs = resetAfterMs;
    this.delayMs = delayMs;
    this.source = source;
    this.policies = policies;
    this.#table = table;
    this.#id = id;
    this.#units = units;
    this.#marks = marks;
  }

  toJSON(): object {
    return { ...this };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }

  /** The names of its policies that do not enforce. */
  static shadowsOf(decision: unknown): readonly string[] {
    if (!(typeof decision === 'object' && decision !== null && #marks in decision)) return [];
    const { names, policies, hasShadow } = decision.#table;
    return hasShadow ? names.filter((_, i) => !policies[i]!.enforce) : [];
  }

  /** The charge of a decision; `undefined` if it charged nothing. */
  static chargeOf(decision: unknown): Charge | undefined | 'foreign' {
    if (!(typeof decision === 'object' && decision !== null && #marks in decision))
      return 'foreign';
    const { allowed, source } = decision;
    if (!allowed || (source !== 'store' && source !== 'local')) return undefined;
    const { table, units, marks } = {
      table: decision.#table,
      units: decision.#units,
      marks: decision.#marks,
    };
    const markOf = (i: number) => (typeof marks === 'number' ? marks : marks[i]!);
    const unitsOf = (i: number) => (typeof units === 'number' ? units : units[i]!);
    const admitted = table.names.map((_, i) => !Number.isNaN(markOf(i)));
    return {
      table,
      id: decision.#id,
      local: source === 'local',
      units: admitted.map((did, i) => (did ? unitsOf(i) : 0)),
      marks: admitted.map((did, i) => (did ? markOf(i) : 0)),
    };
  }
}

/** A decision with slots: a separate class, so that all others are made as quickly as possible. */
class HoldingDecision<Name extends string> extends NativeDecision<Name> {
  readonly holder: Holder;

  constructor(holder: Holder, ...args: ConstructorParameters<typeof NativeDecision<Name>>) {
    super(...args);
    this.holder = holder;
  }

  override toJSON(): object {
    return { ...super.toJSON(), holder: { id: this.holder.id } };
  }
}

/** A denial by a block: a separate class for the same reason. */
class BlockedDecision<Name extends string> extends NativeDecision<Name> {}

/** The charge of a decision; `undefined` if it charged nothing, 'foreign' if it is not a decision of this library. */
export const chargeOf: (decision: unknown) => Charge | undefined | 'foreign' =
  NativeDecision.chargeOf;

/** Repeats of an id: an earlier call owns their charge, and in the second set their slots too. */
const chargedBefore = new WeakSet<object>();
const heldBefore = new WeakSet<object>();

/** As `chargeOf`, but `undefined` for a repeat: the first call under its id owns the charge. */
export function ownChargeOf(decision: Decision): Charge | undefined {
  const charge = chargedBefore.has(decision) ? undefined : chargeOf(decision);
  return charge === 'foreign' ? undefined : charge;
}

/** The units that a decision of ours charged, by policy; `undefined` if none. */
export function chargedUnits(decision: Decision): Readonly<Record<string, number>> | undefined {
  const charge = ownChargeOf(decision);
  if (charge === undefined) return undefined;
  const { table, units } = charge;
  const charged = table.names.map((name, i) => [name, units[i]!] as const).filter(([, n]) => n > 0);
  return charged.length === 0 ? undefined : Object.fromEntries(charged);
}

/** The slots that an admission took itself; not those of the call that it repeats. */
export function ownHolderOf(decision: Decision): Holder | undefined {
  return heldBefore.has(decision) ? undefined : decision.holder;
}

/** The policies that took part in one of our decisions and could not deny it, by name. */
export const shadowsOf: (decision: unknown) => readonly string[] = NativeDecision.shadowsOf;

/** Whether one of our decisions denies because the key is blocked, by `limiter.block()` or by a policy's `blockFor`. */
export const isBlock = (decision: Decision): boolean => decision instanceof BlockedDecision;

/**
 * Reads the verdict with the code `code` and with numbers from `at` on in the exchange. `units`: the charge if it was
 * admitted; 0 for a peek. `holder`: for an admitted call that may have taken slots.
 */
export function readDecision<Name extends string>(
  table: PolicyTable<Name>,
  code: number,
  at: number,
  id: string,
  units: number | readonly number[],
  holder?: Slots,
): Decision<Name> {
  const allowed = (code & 1) === 1;
  const binding = (code >> 1) & 15;
  const source = sourceOf(code);
  const count = table.names.length;
  if (source === 'allow' || source === 'deny') return undecided(table, allowed, source);
  const delayMs = exchange[at]!;
  const first = at + 1;
  const end = first + count * NUMBERS_PER_POLICY;
  let marks: number | number[];
  let policies: PolicyDecision<Name>[];
  if (count === 1) {
    const only = readPolicy(table.names[0]!, first);
    policies = [only];
    marks = only.allowed ? exchange[first + 5]! : Number.NaN;
  } else {
    marks = [];
    policies = [];
    for (let i = 0; i < count; i++) {
      const at = first + i * NUMBERS_PER_POLICY;
      const each = readPolicy(table.names[i]!, at);
      policies.push(each);
      marks.push(each.allowed ? exchange[at + 5]! : Number.NaN);
    }
  }
  if ((code & BLOCKED) !== 0) {
    return new BlockedDecision(
      table,
      allowed,
      binding,
      source,
      delayMs,
      id,
      units,
      marks,
      policies,
    );
  }
  if (holder === undefined || !allowed) {
    const decision = new NativeDecision(
      table,
      allowed,
      binding,
      source,
      delayMs,
      id,
      units,
      marks,
      policies,
    );
    if (code >= REPEATED) chargedBefore.add(decision);
    return decision;
  }
  const heldBy = code >= REPEATED ? readHolderId(end) : holder.id;
  // A resent call, whose first answer was lost, repeats itself.
  const own = heldBy === holder.id;
  const slots = own ? holder : holder.heldBy(heldBy);
  const decision = new HoldingDecision(
    slots,
    table,
    allowed,
    binding,
    source,
    delayMs,
    id,
    units,
    marks,
    policies,
  );
  if (!own) chargedBefore.add(decision);
  if (!own && (code & SLOTS_AGAIN) === 0) heldBefore.add(decision);
  return decision;
}

function policyDecision<Name extends string>(
  policy: Name,
  allowed: boolean,
  limit: number,
  remaining: number,
  retryAfterMs: number,
  resetAfterMs: number,
): PolicyDecision<Name> {
  return { policy, allowed, limit, remaining, retryAfterMs, resetAfterMs };
}

// A field of this shape that has held `undefined` keeps later numbers without an allocation for each.
const none = undefined as unknown as number;
policyDecision('', true, none, none, none, none);

/** Reads the decision of one policy, whose numbers stand at `at` in the exchange. */
function readPolicy<Name extends string>(policy: Name, at: number): PolicyDecision<Name> {
  return policyDecision(
    policy,
    exchange[at] === 1,
    exchange[at + 1]!,
    exchange[at + 2]!,
    exchange[at + 3]!,
    exchange[at + 4]!,
  );
}

function readHolderId(at: number): string {
  const words = exchange.slice(at, at + NUMBERS_PER_HOLDER);
  return [...words].map((word) => word.toString(16).padStart(8, '0')).join('');
}

/** A decision without a store. */
export function undecided<Name extends string>(
  table: PolicyTable<Name>,
  allowed: boolean,
  source: Source,
): Decision<Name> {
  const retry = allowed ? 0 : RETRY_UNKNOWN_MS;
  const policies = table.names.map((policy, i) => {
    const { limit } = table.policies[i]!;
    const remaining = Number.NaN;
    return { policy, allowed, limit, remaining, retryAfterMs: retry, resetAfterMs: 0 };
  });
  return new NativeDecision(table, allowed, 0, source, 0, '', 0, 0, policies);
}

/** The answer to an operation on a reservation that decides nothing. */
export interface HoldAnswer {
  /** As HoldOutcome in core/ledger.h: 0 ok, 1 unknown, 2 expired, 3 settled. */
  readonly outcome: number;
  /** The policies whose estimate is spent, one bit each. */
  readonly spent: number;
  /** The units that each policy charged in all. */
  readonly charged: readonly number[];
}

/** The code of such an answer, less its outcome. */
const HOLD = -16;

/** Reads such an answer; `undefined` for any other code. */
export function readHold(
  table: PolicyTable<string>,
  code: number,
  at: number,
): HoldAnswer | undefined {
  if (code > HOLD) return undefined;
  const charged = table.names.map((_, i) => exchange[at + 1 + i]!);
  return { outcome: HOLD - code, spent: exchange[at]!, charged };
}

/** The source of a decision, by its code. */
export function sourceOf(code: number): Source {
  return SOURCES[(code >> 5) & 7]!;
}

/** The number of a verdict's numbers after its code. */
export function verdictLength(table: PolicyTable<string>, code: number): number {
  if (code <= HOLD) return 1 + table.names.length;
  if (code < 0) return 0;
  const source = sourceOf(code);
  if (source === 'allow' || source === 'deny') return 1;
  return (
    1 + table.names.length * NUMBERS_PER_POLICY + ((code & REPEATED) !== 0 ? NUMBERS_PER_HOLDER : 0)
  );
}
