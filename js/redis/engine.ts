// Questions to Redis and their answers, for all limiters of this thread.

import { channel } from 'node:diagnostics_channel';
import timers from 'node:timers';
import {
  ID_REUSED,
  type PolicyTable,
  readDecision,
  sourceOf,
  verdictLength,
} from '../limiter/decision.js';
import type { Engine } from '../limiter/engine.js';
import { closedError, idReusedError, printable, SluiceError } from '../limiter/errors.js';
import { newHolderId, Slots } from '../limiter/holder.js';
import type { ResolvedKey } from '../limiter/keys.js';
import { isCostOnly, type Operation, takesSlots, writeOperation } from '../limiter/operation.js';
import type { RedisStats } from '../limiter/stats.js';
import type { Decision, RedisFault } from '../limiter/types.js';
import { Kind, type NativeRedisLimiter, native } from '../native.js';
import { type FaultEvent, publishBreaker, publishWarning } from './events.js';
import type { FaultWarnings } from './fault-warnings.js';
import { totalOf } from './stats.js';
import type { RedisStore } from './store.js';

// As it is when this is loaded: fake timers of a user's tests replace it.
const { setImmediate } = timers;

const faultChannel = channel('sluice:fault');

/** The fault of a call whose keys no node of a cluster has all of. */
const CROSS_SLOT = 'cross-slot';
/** In place of a cost: the call stands in the exchange. */
const IN_EXCHANGE = -1;
/** In place of a verdict: slots were all held. */
const DONE = -2;

interface Pending {
  readonly engine: RedisEngine<string>;
  readonly id: string;
  readonly units: Operation['units'];
  readonly holder: Slots | undefined;
  readonly callId: string | undefined;
  readonly onDecision: OnDecision | undefined;
  readonly resolve: (answer: Decision | boolean) => void;
  readonly reject: (error: Error) => void;
  /** Once it is there. */
  answer: Decision | boolean | Error | undefined;
}

/** Called with a decision before the caller's promise resolves; may run the application's code. */
type OnDecision = (decision: Decision) => void;

/**
 * Indexed by ticket. Held by the addon, which is loaded once: where this file is loaded again (jest's
 * resetModules), the last one loaded takes the answers of all.
 */
native.pending ??= [];
const pending = native.pending as (Pending | undefined)[];
const freeTickets: number[] = [];

/** One set of policies over Redis: its way to the server. */
export class RedisEngine<Name extends string> implements Engine<Name> {
  readonly table: PolicyTable<Name>;
  readonly #native: NativeRedisLimiter;
  readonly #store: RedisStore;
  readonly #warnings: FaultWarnings;
  #flushing = false;
  #underWay = 0;
  #idle: (() => void) | undefined;
  #closed = false;

  /** `warnings`: those of the limiter, which its plans share. */
  constructor(
    limiter: NativeRedisLimiter,
    table: PolicyTable<Name>,
    store: RedisStore,
    warnings: FaultWarnings,
  ) {
    this.#native = limiter;
    this.#warnings = warnings;
    this.table = table;
    // With its password function, which nobody else may hold.
    this.#store = store;
  }

  decide(
    kind: Kind.Check | Kind.Peek,
    resolved: ResolvedKey,
    operation: Operation,
    onDecision?: OnDecision,
  ): Promise<Decision<Name>> {
    const { table } = this;
    if (kind === Kind.Peek || !table.hasSlots) {
      return this.#ask(kind, resolved, operation, undefined, onDecision) as Promise<Decision<Name>>;
    }
    const id = newHolderId();
    const slots = new Slots(id, (what, holder) =>
      this.#underWayDuring(async () => {
        const kind = what === 'release' ? Kind.Release : Kind.Renew;
        const local = (await decided).source === 'local';
        return this.act(kind, resolved, { units: 0, holder, local });
      }),
    );
    const held = { ...operation, holder: id };
    const given = takesSlots(table, operation) ? slots : undefined;
    const decided = this.#ask(kind, resolved, held, given, onDecision) as Promise<Decision<Name>>;
    return decided;
  }

  /** Runs `work`, which asks Redis later; close() waits for it from now on. */
  async #underWayDuring<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#endOne();
    }
  }

  #endOne(): void {
    if (--this.#underWay === 0) this.#idle?.();
  }

  act(kind: Kind, resolved: ResolvedKey, operation: Operation): Promise<boolean> {
    // Sent again under an id of its own if its answer is lost; nobody else can name it.
    const once = (kind === Kind.Debit || kind === Kind.Credit) && operation.local !== true;
    const sent = once ? { ...operation, id: newHolderId() } : { id: undefined, ...operation };
    return this.#ask(kind, resolved, sent, undefined) as Promise<boolean>;
  }

  /** Asks; what is asked in one turn of the event loop travels together. */
  #ask(
    kind: Kind,
    { keys, shard, id }: ResolvedKey,
    operation: Operation,
    holder: Slots | undefined,
    onDecision?: OnDecision,
  ): Promise<Decision | boolean> {
    return new Promise((resolve, reject) => {
      // A holder may outlive its limiter; nobody would answer it.
      if (this.#closed) throw closedError();
      const ticket = freeTickets.pop() ?? pending.length;
      const engine = this as unknown as RedisEngine<string>;
      const { units, id: callId } = operation;
      // A peek charges nothing that could be given back.
      const charged = kind === Kind.Check ? units : 0;
      const answer = undefined;
      const asked = {
        engine,
        id,
        units: charged,
        holder,
        callId,
        onDecision,
        resolve,
        reject,
        answer,
      };
      if (
        typeof keys === 'string' &&
        isCostOnly(operation) &&
        kind <= Kind.Peek &&
        !this.table.hasSlots
      ) {
        this.#native.ask(kind, keys, operation.units, ticket);
      } else {
        writeOperation(operation, this.table.names.length);
        this.#native.ask(kind, keys, IN_EXCHANGE, ticket, operation.holder, shard, callId);
      }
      // Only once native code has the question, which it answers later: a call that throws, or that a time limit of
      // node:vm ends in the middle, leaves nothing for close() to wait for.
      pending[ticket] = asked;
      this.#underWay++;
      if (!this.#flushing) void this.#flushSoon();
    });
  }

  /** Sends what is queued, after the code that runs now. Not by queueMicrotask(), which fake timers replace. */
  async #flushSoon(): Promise<void> {
    this.#flushing = true;
    await undefined;
    this.#flush();
  }

  #flush(): void {
    this.#flushing = false;
    this.#native.flush();
    this.#store.session?.pump();
  }

  stats(): RedisStats | undefined {
    const stats = this.#native.stats();
    if (!stats) return undefined;
    const [others, ...all] = stats;
    const nodes = all.map(({ address, warnings, ...node }) => ({
      ...node,
      address: printable(address),
      warnings: warnings.map((each) => ({ ...each, detail: printable(each.detail) })),
    }));
    const { session } = this.#store;
    // Only the client itself knows.
    const shown = session ? nodes.map((n) => ({ ...n, connected: session.connected })) : nodes;
    return totalOf(others, ...shown);
  }

  /** Waits for what is under way (its deadline ends it), then lets go of the connection. */
  async close(): Promise<void> {
    // If a time limit of node:vm has ended a call before it could see to that.
    this.#flush();
    for (;;) {
      // Calls that were aborted or answered just now may still give back what they got.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (this.#underWay === 0) break;
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#closed = true;
    this.#native.close();
  }

  /** Takes the answer that stands at `at` in the exchange; returns where the next one stands. */
  take(asked: Pending, at: number, detail: string | undefined): number {
    const fault = native.exchange[at + 1]!;
    const code = native.exchange[at + 2]!;
    // An answer of Redis itself ends an outage; what this process did in its place does not.
    if (fault === 0 && code >= 0 && sourceOf(code) === 'store') this.#warnings.answered();
    if (code >= 0) {
      const { id, units, holder } = asked;
      asked.answer = readDecision(this.table, code, at + 3, id, units, holder);
    } else if (code === ID_REUSED) {
      asked.answer = idReusedError(asked.callId!);
    } else {
      asked.answer = fault === 0 ? code === DONE : this.#error(native.redisFaults[fault]!, detail);
    }
    return at + 3 + verdictLength(this.table, code);
  }

  /** Hands the answer over. */
  settle({ answer, onDecision, resolve, reject }: Pending): void {
    if (answer instanceof Error) {
      reject(answer);
    } else {
      if (onDecision !== undefined && typeof answer === 'object') onDecision(answer);
      resolve(answer as Decision | boolean);
    }
    this.#endOne();
  }

  #error(fault: RedisFault | typeof CROSS_SLOT, detail: string | undefined): SluiceError {
    if (fault === CROSS_SLOT) return new SluiceError('ERR_SLUICE_CROSS_SLOT', detail!);
    const { address, isCluster, session } = this.#store;
    const what = `${withAddress(fault, address)} (${fault})`;
    const client = session && !session.connected ? '; the client is not connected' : '';
    // What happened begins with the server that it is about, where there may be several.
    const isRepeated = !isCluster && detail?.startsWith(`${address}: `);
    const why = isRepeated ? detail?.slice(address.length + 2) : detail;
    const message = (why ? `${what}: ${why}` : what) + client;
    return new SluiceError('ERR_SLUICE_STORE_UNAVAILABLE', message, { fault });
  }

  /**
   * Tells of a fault. Runs subscribers' code, which may ask limiters and so overwrite the exchange: to be
   * called only when all answers that stand there have been taken.
   */
  report(faultNumber: number, detail: string | undefined, code: number): void {
    const fault = native.redisFaults[faultNumber]!;
    // A mistake of who asks, who is told by the error.
    if (fault === CROSS_SLOT) return;
    if (faultChannel.hasSubscribers) {
      const decidedBy = code === ID_REUSED ? 'local' : code < 0 ? 'throw' : sourceOf(code);
      const { address } = this.#store;
      faultChannel.publish({ address, fault, detail, decidedBy } as FaultEvent);
    } else if (code >= 0 && this.#warnings.shows(fault)) {
      // A caller of the rule 'throw' sees the error; under the other rules nobody would.
      const { message } = this.#error(fault, detail);
      process.emitWarning(`${message} (checks are decided by onStoreError: '${sourceOf(code)}')`, {
        type: 'SluiceWarning',
        code: 'SLUICE_STORE_FAULT',
      });
    }
  }
}

/** Whether Redis did not answer, or what it answered. */
function withAddress(fault: RedisFault, address: string): string {
  if (fault === 'server') return `Redis at ${address} answered with an error`;
  if (fault === 'refused') return `Redis at ${address} refused the connection`;
  if (fault === 'foreign') return `Redis at ${address} holds a value that is not a limiter's`;
  if (fault === 'protocol') return `no sense in the answer from Redis at ${address}`;
  return `no answer from Redis at ${address}`;
}

native.onBreaker((address, state) => publishBreaker(printable(address), state));
native.onWarning((address, warning, detail) =>
  publishWarning(printable(address), warning, printable(detail)),
);

native.onAnswers((count, details) => {
  // First all are taken, then handed over: whose code runs then may ask, which overwrites the exchange.
  const taken: Pending[] = [];
  const reports: (() => void)[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const ticket = native.exchange[at]!;
    const fault = native.exchange[at + 1]!;
    const code = native.exchange[at + 2]!;
    const asked = pending[ticket];
    // Cannot be, unless a time limit has ended the call that asked.
    if (asked === undefined) break;
    pending[ticket] = undefined;
    freeTickets.push(ticket);
    const detail = details?.[i] && printable(details[i]);
    if (fault !== 0) reports.push(() => asked.engine.report(fault, detail, code));
    at = asked.engine.take(asked, at, detail);
    taken.push(asked);
  }
  for (const asked of taken) asked.engine.settle(asked);
  for (const report of reports) report();
});
