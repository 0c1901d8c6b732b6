// What limiters over all stores have in common: arguments are read here, and answers counted.

import { Kind } from '../native.js';
import type { Call } from './call.js';
import { type Charge, chargeOf, ownChargeOf, ownHolderOf, type PolicyTable } from './decision.js';
import type { Engine, Later } from './engine.js';
import {
  checkOptionNames,
  closedError,
  deniedError,
  type NameCheck,
  rangeError,
  typeError,
  unknownOption,
} from './errors.js';
import { publishDenied, publishWouldDeny } from './events.js';
import { type KeyReader, keysWithShard, type Who } from './keys.js';
import { readCost, readId, readLimits } from './options.js';
import { ownOption, ownOptions } from './own-options.js';
import { keepsLine, readBlockUs } from './policy.js';
import type { LimiterStats } from './stats.js';
import type { Time } from './time.js';
import { Lines, type Turn } from './turns.js';
import type {
  Admission,
  CheckOptions,
  Cost,
  CreditOptions,
  Decision,
  Duration,
  Key,
  Limiter,
  PeekOptions,
  Policy,
  WaitOptions,
} from './types.js';
import { type Outlook, WaitingRoom } from './waiting.js';

/** One set of policies, ready to be asked. */
export interface Part<Name extends string, E extends Engine<Name>> {
  /** `undefined` where the limiter has no plans. */
  readonly plan: string | undefined;
  readonly engine: E;
  readonly keys: KeyReader;
}

/** A question, read and found right. */
export interface Question<Name extends string, E extends Engine<Name>> {
  readonly key: Key;
  readonly part: Part<Name, E>;
  readonly who: Who;
  readonly call: Call;
}

type Asked = CheckOptions & { readonly plan?: unknown };

const PEEK_OPTIONS = ['cost', 'limits'];
export const CHECK_OPTIONS = [...PEEK_OPTIONS, 'id'];
const WAIT_OPTIONS = [...CHECK_OPTIONS, 'maxWaitMs', 'signal', 'orThrow'];
/** What to say where something else is given in place of a call's options. */
const NAME_CHECKS: Readonly<Record<string, NameCheck>> = {
  check: { expected: 'given an object of options, such as check(key, { cost: 5 })' },
  peek: { expected: 'given an object of options, such as peek(key, { cost: 5 })' },
  wait: { expected: 'given an object of options, such as wait(key, { maxWaitMs: 1000 })' },
  credit: {
    expected: 'given an object of options, such as credit(key, cost, { of: decision })',
  },
};
/** The longest wait that a store is told of: what it charges lies no further ahead. */
const LONGEST_WAIT_MS = 100 * 86_400e3;

export abstract class BaseLimiter<Name extends string, E extends Engine<Name>>
  implements Limiter<Name, Key, string>
{
  abstract readonly store: 'memory' | 'redis';
  protected readonly parts: readonly Part<Name, E>[];
  /** The only part, where there are no plans. */
  protected readonly single: Part<Name, E> | undefined;
  protected closed = false;
  protected allowed = 0;
  protected denied = 0;
  readonly #hasShadow: boolean;
  readonly #room: WaitingRoom<Name>;
  readonly #lines: Lines;
  /** How often a key was reset. */
  #resets = 0;
  /** Units of a decision that were given back already. */
  readonly #givenBack = new WeakMap<object, number[]>();

  constructor(parts: readonly Part<Name, E>[], time: Time) {
    this.parts = parts;
    this.single = parts[0]!.plan === undefined ? parts[0] : undefined;
    this.#hasShadow = parts.some(({ engine }) => engine.table.hasShadow);
    this.#room = new WaitingRoom(time);
    this.#lines = new Lines(time);
  }

  abstract stats(): LimiterStats;
  abstract close(): Promise<void>;

  get policyNames(): readonly Name[] {
    return [...new Set(this.parts.flatMap(({ engine }) => engine.table.names))];
  }

  get policies(): Readonly<Record<Name, Policy>> {
    const all = this.parts.map(({ engine }) => Object.entries(byName(engine.table))).reverse();
    return Object.fromEntries(all.flat()) as Record<Name, Policy>;
  }

  get plans(): Readonly<Record<string, Readonly<Partial<Record<Name, Policy>>>>> {
    if (this.single !== undefined) return {};
    return Object.fromEntries(this.parts.map(({ plan, engine }) => [plan!, byName(engine.table)]));
  }

  async check(key: Key, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    const question = this.question(key, options, CHECK_OPTIONS, 'check');
    return this.count(key, question.part, await this.decide(Kind.Check, question));
  }

  async checkMany(
    checks: readonly (CheckOptions<Name> & { key: Key; plan?: string })[],
  ): Promise<Decision<Name>[]> {
    if (!Array.isArray(checks)) {
      throw typeError('ERR_SLUICE_OPTIONS', 'checks', checks, 'an array of { key, cost }');
    }
    // All are looked at before any is charged.
    const questions = checks.map((check, i) => this.#readRequest(check, `checks[${i}]`));
    // What one throws must not hide what those before it took.
    const decisions = questions.map(async (question) => this.decide(Kind.Check, question));
    const done = await allOrRelease(decisions);
    return done.map((decision, i) => this.count(questions[i]!.key, questions[i]!.part, decision));
  }

  wait(key: Key, options: WaitOptions<Name> & { orThrow: true }): Promise<Admission<Name>>;
  wait(key: Key, options?: WaitOptions<Name>): Promise<Decision<Name>>;
  async wait(key: Key, options?: WaitOptions<Name>): Promise<Decision<Name>> {
    const question = this.question(key, options, WAIT_OPTIONS, 'wait');
    const own = ownOptions(options ?? {});
    const { maxWaitMs = Number.POSITIVE_INFINITY, signal, orThrow = false } = own;
    if (typeof maxWaitMs !== 'number') {
      throw typeError('ERR_SLUICE_OPTIONS', 'maxWaitMs', maxWaitMs, 'a number of milliseconds');
    }
    if (!(maxWaitMs >= 0)) {
      throw rangeError('ERR_SLUICE_OPTIONS', 'maxWaitMs', maxWaitMs, 'at least 0');
    }
    const isSignal =
      typeof signal?.throwIfAborted === 'function' && typeof signal.addEventListener === 'function';
    if (signal !== undefined && !isSignal) {
      const expected = 'an AbortSignal, such as controller.signal';
      throw typeError('ERR_SLUICE_OPTIONS', 'signal', signal, expected);
    }
    if (typeof orThrow !== 'boolean') {
      throw typeError('ERR_SLUICE_OPTIONS', 'orThrow', orThrow, 'true or false');
    }
    const { part, who } = question;
    let resets = this.#resets;
    const decision = await this.#room.wait({
      id: `${part.plan ?? ''}:${who.id}`,
      maxWaitMs,
      signal,
      turnsAhead: part.engine.table.policies.every(keepsLine),
      check: (leftMs) => {
        if (this.closed) throw closedError();
        const maxWaitUs = Math.floor(Math.min(leftMs, LONGEST_WAIT_MS) * 1e3);
        resets = this.#resets;
        const call = { ...question.call, maxWaitUs };
        return this.decide(Kind.Check, { ...question, call });
      },
      turn: (decision) => {
        // A reset after the check was sent may have wiped its charge.
        const wiped = resets !== this.#resets;
        const turn = this.#turn(part, who, decision, question.call.id, wiped);
        return {
          ...turn,
          giveUp() {
            turn.giveUp();
            ownHolderOf(decision)
              ?.release()
              .catch(() => {});
          },
        };
      },
      outlook: (decision) => outlook(part.engine.table, decision),
      peek: () => this.decide(Kind.Peek, question),
    });
    this.count(key, part, decision);
    if (orThrow && !decision.allowed) throw deniedError(decision);
    return decision;
  }

  async peek(key: Key, options?: PeekOptions<Name>): Promise<Decision<Name>> {
    return this.decide(Kind.Peek, this.question(key, options, PEEK_OPTIONS, 'peek'));
  }

  async debit(key: Key, cost: Cost<Name>, options?: object): Promise<void> {
    const { part, who, call } = this.#transfer(key, cost, options, [], 'debit');
    await part.engine.act(Kind.Debit, who, call);
  }

  async credit(key: Key, cost: Cost<Name>, options?: CreditOptions<Name>): Promise<void> {
    const of = ownOption(options, 'of');
    const { part, who, call } = this.#transfer(key, cost, options, ['of'], 'credit');
    if (of === undefined) {
      await part.engine.act(Kind.Credit, who, call);
      return;
    }
    const charge = chargeOf(of);
    if (charge === undefined) return;
    if (charge === 'foreign' || charge.table !== part.engine.table) {
      const plan = part.plan === undefined ? '' : ` under plan '${part.plan}'`;
      throw typeError('ERR_SLUICE_OPTIONS', 'of', of, `a decision of this limiter${plan}`);
    }
    if (charge.id !== who.id) {
      throw typeError('ERR_SLUICE_OPTIONS', 'of', of, 'a decision about this key');
    }
    const units = this.#takeBack(of, charge, call.units);
    await part.engine.act(Kind.Credit, who, { ...charge, units });
  }

  async block(key: Key, duration: Duration): Promise<void> {
    const blockUs = readBlockUs(duration, 'duration');
    await this.#forAll(Kind.Block, key, blockUs);
  }

  async unblock(key: Key): Promise<void> {
    await this.#forAll(Kind.Unblock, key, undefined);
  }

  async reset(key: Key): Promise<void> {
    this.#refuseClosed();
    const asked = this.parts.map(({ engine, keys }) => ({ engine, who: keys.read(key) }));
    this.#resets++;
    for (const { engine, who } of asked) {
      for (const local of [false, true]) this.#lines.clear(lineNames(engine.table, who, local));
    }
    await Promise.all(asked.map(({ engine, who }) => engine.act(Kind.Reset, who, { units: 0 })));
  }

  /**
   * The turn of an admitted call about `key` that is held back for `decision.delayMs`; `undefined` if the decision is
   * not this limiter's. Giving it up gives back what it charged, but no slots.
   *
   * @internal
   */
  turn(key: Key, decision: Decision): Turn | undefined {
    const charge = ownChargeOf(decision);
    const part = this.parts.find(({ engine }) => engine.table === charge?.table);
    return part && this.#turn(part, part.keys.read(key), decision, undefined);
  }

  /** `id`: of the call, forgotten when it gives up. `wiped`: its charge is not refunded. */
  #turn(
    { engine }: Part<Name, E>,
    who: Who,
    decision: Decision,
    id: string | undefined,
    wiped = false,
  ): Turn {
    const own = ownChargeOf(decision);
    if (own === undefined) return { timers: this.#lines.timers, come() {}, giveUp() {} };
    const charge = wiped ? { ...own, units: own.units.map(() => 0) } : own;
    const { local, marks } = charge;
    const limits = decision.policies.map(({ limit }) => limit);
    const abort = (units: readonly number[], id?: string): Later<boolean> => {
      try {
        const done = engine.act(Kind.Abort, who, { units, marks, limits, local, id });
        // Whether it was done is not known; a second time could take what others were charged.
        return done instanceof Promise ? done.catch(() => true) : done;
      } catch {
        return true;
      }
    };
    const names = lineNames(engine.table, who, local);
    const lines = names.map((name, i) => (charge.units[i] === 0 ? undefined : name));
    const drainMs = decision.policies.map(({ resetAfterMs }) => resetAfterMs);
    return this.#lines.enter(lines, drainMs, () => {
      const units = this.#takeBack(decision, charge, charge.units);
      const others = units.map((n, i) => (lines[i] === undefined ? n : 0));
      if (id !== undefined || others.some((n) => n > 0)) void abort(others, id);
      return (line) => () => abort(units.map((n, i) => (i === line ? n : 0)));
    });
  }

  /** Later calls fail, and so do those that stand in a line. */
  protected refuseFurther(): void {
    this.closed = true;
    this.#room.close(closedError());
  }

  protected decide(
    kind: Kind.Check | Kind.Peek,
    { part, who, call }: Question<Name, E>,
  ): Later<Decision<Name>> {
    return part.engine.decide(kind, who, call);
  }

  /** Reads what a check asks, and refuses what is wrong. */
  protected question(
    key: unknown,
    options: Asked | undefined,
    known: readonly string[],
    where: string,
    path = '',
  ): Question<Name, E> {
    if (options !== undefined) {
      if (this.single !== undefined && ownOption(options, 'plan') !== undefined) {
        const hint = "remove it, or give createLimiter 'plans' in place of 'policies'";
        throw unknownOption(
          where,
          'plan',
          `${where} has option 'plan', but the limiter has no plans: ${hint}`,
        );
      }
      const names = this.single === undefined ? [...known, 'plan'] : known;
      checkOptionNames(options, names, where, NAME_CHECKS[where]);
    }
    const part = this.single ?? this.#partOf(ownOption(options, 'plan'), `${path}plan`);
    const who = part.keys.read(key, `${path}key`);
    this.#refuseClosed();
    const { table } = part.engine;
    return {
      key: key as Key,
      part,
      who,
      call: {
        units: readCost(table, ownOption(options, 'cost'), `${path}cost`),
        limits: readLimits(table, ownOption(options, 'limits'), `${path}limits`),
        id: readId(ownOption(options, 'id'), `${path}id`),
      },
    };
  }

  protected count(key: Key, part: Part<Name, E>, decision: Decision<Name>): Decision<Name> {
    if (decision.allowed) {
      this.allowed++;
    } else {
      this.denied++;
      publishDenied(key, decision);
    }
    if (this.#hasShadow) {
      const { policies } = part.engine.table;
      publishWouldDeny(key, decision, (i) => !policies[i]!.enforce);
    }
    return decision;
  }

  #readRequest(check: unknown, where: string): Question<Name, E> {
    const { key, ...options } = ownOptions((check ?? {}) as Asked & { key?: unknown });
    if (typeof check !== 'object') {
      throw typeError('ERR_SLUICE_OPTIONS', where, check, "an object, such as { key: 'user:42' }");
    }
    return this.question(key, options, CHECK_OPTIONS, where, `${where}.`);
  }

  /** A debit or credit. */
  #transfer(
    key: unknown,
    cost: Cost<Name>,
    options: object | undefined,
    known: readonly string[],
    where: string,
  ): Question<Name, E> {
    const question = this.question(key, options as Asked | undefined, known, where);
    if (cost === undefined) {
      throw typeError('ERR_SLUICE_COST', 'cost', cost, 'a whole number, or one for each policy');
    }
    const { table } = question.part.engine;
    return { ...question, call: { units: readCost(table, cost, 'cost', 0) } };
  }

  /** What of the units asked for is still to be given back; remembers that it will be. */
  #takeBack(of: object, charge: Charge, asked: number | readonly number[]): number[] {
    const given = this.#givenBack.get(of) ?? charge.units.map(() => 0);
    const units = charge.units.map((charged, i) =>
      Math.min(typeof asked === 'number' ? asked : asked[i]!, charged - given[i]!),
    );
    this.#givenBack.set(
      of,
      given.map((n, i) => n + units[i]!),
    );
    return units;
  }

  async #forAll(kind: Kind.Block | Kind.Unblock, key: unknown, blockUs: number | undefined) {
    this.#refuseClosed();
    const asked = this.parts
      .map(({ engine, keys }) => ({ engine, ...keys.readExactly(key) }))
      .filter(({ which }) => which !== 0);
    if (asked.length === 0) {
      const choices = this.parts.flatMap(({ keys }) => keys.choices);
      const expected = `of exactly the parts that a policy counts by: ${[...new Set(choices)].join(' or ')}`;
      throw rangeError('ERR_SLUICE_KEY', 'key', key, expected);
    }
    await Promise.all(
      asked.map(({ engine, who, which }) =>
        engine.act(kind, who, { units: 0, which, ...(blockUs === undefined ? {} : { blockUs }) }),
      ),
    );
  }

  #partOf(plan: unknown, name: string): Part<Name, E> {
    const part = this.parts.find((part) => part.plan === plan);
    if (part !== undefined) return part;
    const plans = this.parts.map(({ plan }) => `'${plan}'`).join(', ');
    const make = plan === undefined || typeof plan === 'string' ? rangeError : typeError;
    throw make('ERR_SLUICE_PLAN', name, plan, `one of the limiter's plans: ${plans}`);
  }

  #refuseClosed(): void {
    if (this.closed) throw closedError();
  }
}

/** All decisions; or, if one fails, its error, and slots that the others took are given back: nobody learns of them. */
async function allOrRelease<D extends Decision>(decisions: readonly Later<D>[]): Promise<D[]> {
  const settled = await Promise.allSettled(decisions);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed === undefined) return settled.map((one) => (one as PromiseFulfilledResult<D>).value);
  for (const one of settled) {
    const holder = one.status === 'fulfilled' ? ownHolderOf(one.value) : undefined;
    holder?.release().catch(() => {});
  }
  throw failed.reason;
}

/** The line that each policy's store keeps; `undefined` where it keeps none. `local`: of this process's own store. */
function lineNames({ names, policies }: PolicyTable<string>, who: Who, local: boolean) {
  const keys = keysWithShard(who);
  return names.map((name, i) => {
    const policy = policies[i]!;
    if (!keepsLine(policy)) return undefined;
    const key = typeof keys === 'string' ? keys : keys[i]!;
    return [local, name, policy.algorithm, key].join(' ');
  });
}

function byName<Name extends string>({
  names,
  policies,
}: PolicyTable<Name>): Readonly<Partial<Record<Name, Policy>>> {
  return Object.fromEntries(names.map((name, i) => [name, policies[i]!])) as Partial<
    Record<Name, Policy>
  >;
}

/** What could admit a call yet that was denied. */
function outlook({ policies }: PolicyTable<string>, decision: Decision): Outlook {
  const deniers = [...decision.policies.entries()]
    .map(([i, { allowed, retryAfterMs }]) => ({ policy: policies[i]!, allowed, retryAfterMs }))
    .filter(({ policy, allowed }) => policy.enforce && !allowed);
  const isSlot = ({ algorithm }: Policy) => algorithm === 'concurrency';
  return {
    // A slot may be released sooner than it expires, but one that never comes is not waited for.
    ms: Math.max(
      0,
      ...deniers
        .map((d) => d.retryAfterMs)
        .filter((ms, i) => ms === Infinity || !isSlot(deniers[i]!.policy)),
    ),
    slot: deniers.some(({ policy }) => isSlot(policy)),
    turn: deniers.some(({ policy }) => keepsLine(policy)),
  };
}
