// The methods that limiters over all stores have in common.

import { Kind } from '../native.js';
import { ArgumentReader, type ResolvedCall, readWaitOptions } from './arguments.js';
import { Counts } from './counts.js';
import { chargeOf, ownChargeOf, ownHolderOf, type PolicyTable } from './decision.js';
import type { Engine, Later } from './engine.js';
import { closedError, deniedError, rangeError, typeError } from './errors.js';
import { newHolderId } from './holder.js';
import { ownOption } from './own-options.js';
import { keepsLine, readBlockUs } from './policy.js';
import { readTimeoutMs } from './ready.js';
import { Refunds } from './refunds.js';
import { MadeReservation, readReserveOptions, StoredReservation } from './reservation.js';
import { formatId, parseId, scopeDigest } from './reservation-id.js';
import type { LimiterStats } from './stats.js';
import type { Time } from './time.js';
import type { Turn } from './turns.js';
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
  ReadyOptions,
  Reservation,
  ReservationHandle,
  ReserveOptions,
  WaitOptions,
} from './types.js';
import { outlookOf, WaitQueue } from './waiting.js';

/** The longest wait in a check for the store, which limits how far ahead it charges. */
const LONGEST_WAIT_MS = 100 * 86_400e3;

export abstract class BaseLimiter<Name extends string, E extends Engine<Name>>
  implements Limiter<Name, Key, string>
{
  abstract readonly store: 'memory' | 'redis';
  /** One for each plan; a limiter without plans has one. */
  protected readonly engines: readonly E[];
  protected readonly counts = new Counts();
  protected readonly reader: ArgumentReader<Name, E>;
  #closed = false;
  readonly #waitQueue: WaitQueue<Name>;
  readonly #refunds: Refunds;

  readonly #scope: string;

  /** `scope`: the limiter's name in ids of reservations; the same in all processes. */
  constructor(engines: readonly E[], time: Time, scope: string) {
    this.engines = engines;
    this.#scope = scopeDigest(scope);
    this.reader = new ArgumentReader(engines);
    this.#waitQueue = new WaitQueue(time);
    this.#refunds = new Refunds(time);
  }

  abstract stats(): LimiterStats;
  abstract close(): Promise<void>;

  get policyNames(): readonly Name[] {
    return [...new Set(this.engines.flatMap(({ table }) => table.names))];
  }

  get policies(): Readonly<Record<Name, Policy>> {
    const all = this.engines.map(({ table }) => Object.entries(byName(table))).reverse();
    return Object.fromEntries(all.flat()) as Record<Name, Policy>;
  }

  get plans(): Readonly<Record<string, Readonly<Partial<Record<Name, Policy>>>>> {
    const plans = this.engines.filter(({ plan }) => plan !== undefined);
    return Object.fromEntries(plans.map(({ plan, table }) => [plan!, byName(table)]));
  }

  async check(key: Key, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    const call = this.read(key, options, 'check');
    return this.count(call, await this.decide(Kind.Check, call));
  }

  async checkMany(
    checks: readonly (CheckOptions<Name> & { key: Key; plan?: string })[],
  ): Promise<Decision<Name>[]> {
    if (!Array.isArray(checks)) {
      throw typeError('ERR_SLUICE_OPTIONS', 'checks', checks, 'an array of { key, cost }');
    }
    // All are read before any is charged.
    const calls = checks.map((check, i) => this.reader.readRequest(check, i));
    this.refuseClosed();
    // In async functions: if one throws at once, the ones before it have been charged.
    const decisions = calls.map(async (call) => this.decide(Kind.Check, call));
    const done = await allOrRelease(decisions);
    return done.map((decision, i) => this.count(calls[i]!, decision));
  }

  wait(key: Key, options: WaitOptions<Name> & { orThrow: true }): Promise<Admission<Name>>;
  wait(key: Key, options?: WaitOptions<Name>): Promise<Decision<Name>>;
  async wait(key: Key, options?: WaitOptions<Name>): Promise<Decision<Name>> {
    const call = this.read(key, options, 'wait');
    const { maxWaitMs, signal, orThrow } = readWaitOptions(options);
    const { engine, resolved, operation } = call;
    const { table } = engine;
    const begin = () => this.#refunds.begin(engine, resolved, operation.id);
    let turnOf = begin();
    const decision = await this.#waitQueue.wait({
      id: `${engine.plan ?? ''}:${resolved.id}`,
      maxWaitMs,
      signal,
      turnsAhead: table.policies.every(keepsLine),
      check: (leftMs) => {
        this.refuseClosed();
        const maxWaitUs = Math.floor(Math.min(leftMs, LONGEST_WAIT_MS) * 1e3);
        turnOf = begin();
        return this.decide(Kind.Check, { ...call, operation: { ...operation, maxWaitUs } });
      },
      turn: (decision) => turnOf(decision),
      outlook: (decision) => outlookOf(table, decision),
      peek: () => this.decide(Kind.Peek, call),
    });
    this.count(call, decision);
    if (orThrow && !decision.allowed) throw deniedError(decision);
    return decision;
  }

  async peek(key: Key, options?: PeekOptions<Name>): Promise<Decision<Name>> {
    return this.decide(Kind.Peek, this.read(key, options, 'peek'));
  }

  async ready(options?: ReadyOptions): Promise<void> {
    const timeoutMs = readTimeoutMs(options);
    this.refuseClosed();
    await this.untilAnswered(timeoutMs);
  }

  async debit(key: Key, cost: Cost<Name>, options?: object): Promise<void> {
    const { engine, resolved, operation } = this.#readTransfer(key, cost, options, 'debit');
    await engine.act(Kind.Debit, resolved, operation);
  }

  async credit(key: Key, cost: Cost<Name>, options?: CreditOptions<Name>): Promise<void> {
    const of = ownOption(options, 'of');
    const { engine, resolved, operation } = this.#readTransfer(key, cost, options, 'credit');
    if (of === undefined) {
      await engine.act(Kind.Credit, resolved, operation);
      return;
    }
    const charge = chargeOf(of);
    if (charge === undefined) return;
    if (charge === 'foreign' || charge.table !== engine.table) {
      const under = engine.plan === undefined ? '' : ` under plan '${engine.plan}'`;
      throw typeError('ERR_SLUICE_OPTIONS', 'of', of, `a decision of this limiter${under}`);
    }
    if (charge.id !== resolved.id) {
      throw typeError('ERR_SLUICE_OPTIONS', 'of', of, 'a decision about this key');
    }
    const units = this.#refunds.take(of, charge, operation.units);
    await engine.act(Kind.Credit, resolved, { ...charge, units });
  }

  async reserve(
    key: Key,
    estimate: Cost<Name>,
    options?: ReserveOptions<Name>,
  ): Promise<Reservation<Name>> {
    const call = this.reader.readReservation(key, estimate, options);
    const held = readReserveOptions(options);
    this.refuseClosed();
    const { engine, resolved, operation } = call;
    const holder = newHolderId();
    // The caller may change the object before the answer comes.
    const named = typeof key === 'string' ? key : { ...key };
    const answer = await engine.hold(Kind.Reserve, resolved, { ...operation, ...held, holder });
    // A new holder's reservation is decided.
    const decision = answer as Decision<Name>;
    this.count(call, decision);
    if (!decision.allowed) return new MadeReservation(decision, '', undefined);
    const isLocal = decision.source === 'local';
    const id = formatId({ holder, plan: engine.plan, key: named, isLocal }, this.#scope);
    return new MadeReservation(decision, id, { engine, resolved, holder, isLocal });
  }

  reservation(id: string): ReservationHandle<Name> {
    const name = parseId(id, this.#scope);
    const found = name && this.reader.find(name.plan, name.key);
    return new StoredReservation(id, found && { ...found, ...name });
  }

  async block(key: Key, duration: Duration): Promise<void> {
    const blockUs = readBlockUs(duration, 'duration');
    await this.#forAll(Kind.Block, key, blockUs);
  }

  async unblock(key: Key): Promise<void> {
    await this.#forAll(Kind.Unblock, key, undefined);
  }

  async reset(key: Key): Promise<void> {
    this.refuseClosed();
    const targets = this.engines.map((engine) => ({ engine, resolved: engine.keys.read(key) }));
    for (const { engine, resolved } of targets) this.#refunds.reset(engine.table, resolved);
    await Promise.all(
      targets.map(({ engine, resolved }) => engine.act(Kind.Reset, resolved, { units: 0 })),
    );
  }

  /**
   * The turn of an admitted call about `key` that is delayed for `decision.delayMs`; `undefined` if the decision is
   * another limiter's. Giving it up refunds its charge, but keeps its slots.
   *
   * @internal
   */
  turn(key: Key, decision: Decision): Turn | undefined {
    const charge = ownChargeOf(decision);
    const engine = this.engines.find(({ table }) => table === charge?.table);
    return engine && this.#refunds.turn(engine, engine.keys.read(key), decision);
  }

  /** Makes later calls fail, and calls that wait in a line. */
  protected refuseFurther(): void {
    this.#closed = true;
    this.#waitQueue.close(closedError());
  }

  /** Resolves once the store answers, or rejects after `timeoutMs`. A memory store always answers. */
  protected async untilAnswered(_timeoutMs: number): Promise<void> {}

  protected refuseClosed(): void {
    if (this.#closed) throw closedError();
  }

  /** Reads the arguments of a call. @throws TypeError, RangeError `ERR_SLUICE_*` */
  protected read(
    key: unknown,
    options: object | undefined,
    method: 'check' | 'peek' | 'wait',
  ): ResolvedCall<E> {
    const call = this.reader.read(key, options, method);
    this.refuseClosed();
    return call;
  }

  #readTransfer(
    key: unknown,
    cost: Cost<Name>,
    options: object | undefined,
    method: 'debit' | 'credit',
  ): ResolvedCall<E> {
    const call = this.reader.readTransfer(key, cost, options, method);
    this.refuseClosed();
    return call;
  }

  protected decide(
    kind: Kind.Check | Kind.Peek,
    { engine, resolved, operation }: ResolvedCall<E>,
  ): Later<Decision<Name>> {
    return engine.decide(kind, resolved, operation);
  }

  protected count({ key, engine }: ResolvedCall<E>, decision: Decision<Name>): Decision<Name> {
    this.counts.add(key, engine.table, decision);
    return decision;
  }

  async #forAll(kind: Kind.Block | Kind.Unblock, key: unknown, blockUs: number | undefined) {
    this.refuseClosed();
    const targets = this.engines
      .map((engine) => ({ engine, ...engine.keys.readExactly(key) }))
      .filter(({ which }) => which !== 0);
    if (targets.length === 0) {
      const choices = this.engines.flatMap(({ keys }) => keys.choices);
      const expected = `of exactly the parts that a policy counts by: ${[...new Set(choices)].join(' or ')}`;
      throw rangeError('ERR_SLUICE_KEY', 'key', key, expected);
    }
    const duration = blockUs === undefined ? {} : { blockUs };
    await Promise.all(
      targets.map(({ engine, resolved, which }) =>
        engine.act(kind, resolved, { units: 0, which, ...duration }),
      ),
    );
  }
}

/** All decisions. If one fails, releases the slots of the others, as no caller gets them, and throws its error. */
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

function byName<Name extends string>({
  names,
  policies,
}: PolicyTable<Name>): Readonly<Partial<Record<Name, Policy>>> {
  return Object.fromEntries(names.map((name, i) => [name, policies[i]!])) as Partial<
    Record<Name, Policy>
  >;
}
