// Operations for Redis and their answers, for all limiters of this thread.

import {
  type HoldAnswer,
  ID_REUSED,
  type PolicyTable,
  readDecision,
  readHold,
  sourceOf,
  verdictLength,
} from '../limiter/decision.js';
import type { Engine } from '../limiter/engine.js';
import { closedError, idReusedError, printable, SluiceError } from '../limiter/errors.js';
import { newHolderId, Slots } from '../limiter/holder.js';
import type { KeyReader, ResolvedKey } from '../limiter/keys.js';
import { isCostOnly, type Operation, takesSlots, writeOperation } from '../limiter/operation.js';
import type { PlanPolicies } from '../limiter/plans.js';
import type { RedisStats } from '../limiter/stats.js';
import { setImmediate } from '../limiter/timers.js';
import type { Decision, OnStoreError, RedisFault } from '../limiter/types.js';
import { warn } from '../limiter/warn.js';
import { Kind, type NativeRedisLimiter, native } from '../native.js';
import {
  type CallContext,
  callContext,
  publishBreaker,
  publishFault,
  publishWarning,
} from './events.js';
import type { FaultWarnings } from './fault-warnings.js';
import { totalOf } from './stats.js';
import type { RedisStore } from './store.js';

const { exchange, redisFaults } = native;

/** The fault of a call whose keys are on several nodes of a cluster. */
const CROSS_SLOT = 'cross-slot';
/** Instead of a cost: the operation is in the exchange. */
const IN_EXCHANGE = -1;
/** Instead of a verdict: all slots were held. */
const DONE = -2;
/** Instead of a verdict: the operation is queued, and `onAnswers` gets its answer. */
const QUEUED = -4;

interface Pending {
  readonly engine: RedisEngine<string>;
  readonly id: string;
  readonly units: Operation['units'];
  readonly holder: Slots | undefined;
  readonly callId: string | undefined;
  /** For events about the call. */
  readonly context: CallContext;
  readonly onDecision: OnDecision | undefined;
  /** No call of a user: its fault is not reported. */
  readonly isProbe: boolean;
  readonly resolve: (answer: Decision | HoldAnswer | boolean) => void;
  readonly reject: (error: Error) => void;
  /** Set when the answer has come. */
  answer: Decision | HoldAnswer | boolean | Error | undefined;
  /** Whether it was sent, so that close() waits for it. */
  inFlight: boolean;
}

/** Called with a decision before the caller's promise resolves; may run the application's code. */
type OnDecision = (decision: Decision) => void;

/**
 * Pending calls by ticket. The addon holds them, because it is loaded once: if this file is loaded again (jest's
 * resetModules), its last copy takes the answers of all.
 */
native.pending ??= [];
const pending = native.pending as (Pending | undefined)[];
const freeTickets: number[] = [];

function freeTicket(ticket: number): void {
  pending[ticket] = undefined;
  freeTickets.push(ticket);
}

/** One set of policies over Redis. */
export class RedisEngine<Name extends string> implements Engine<Name> {
  readonly plan: string | undefined;
  readonly table: PolicyTable<Name>;
  readonly keys: KeyReader;
  readonly #native: NativeRedisLimiter;
  readonly #store: RedisStore;
  readonly #warnings: FaultWarnings;
  #flushing = false;
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #closed = false;

  /** `warnings` belong to the limiter; its plans share them. */
  constructor(
    limiter: NativeRedisLimiter,
    { plan, table, keys }: PlanPolicies<Name>,
    store: RedisStore,
    warnings: FaultWarnings,
  ) {
    this.#native = limiter;
    this.#warnings = warnings;
    this.plan = plan;
    this.table = table;
    this.keys = keys;
    // Keeps its password function alive too.
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
      this.#whileInFlight(async () => {
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

  /**
   * Asks Redis about a key that nobody has used, and writes nothing.
   *
   * @throws SluiceError with a `fault` if Redis did not answer, whatever the rule for that
   */
  async probe(): Promise<void> {
    const id = newHolderId();
    const resolved = { keys: id, shard: undefined, id };
    await this.#ask(Kind.Peek, resolved, { units: 0 }, undefined, undefined, true);
  }

  /** Runs `work`, which sends an operation later; close() waits for it from now on. */
  async #whileInFlight<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    this.#inFlight++;
    try {
      return await work();
    } finally {
      this.#endOne();
    }
  }

  #endOne(): void {
    if (--this.#inFlight === 0) this.#idle?.();
  }

  act(kind: Kind, resolved: ResolvedKey, operation: Operation): Promise<boolean> {
    // Has an internal id, with which it is resent if its answer is lost.
    const once = (kind === Kind.Debit || kind === Kind.Credit) && operation.local !== true;
    const sent = once ? { ...operation, id: newHolderId() } : { id: undefined, ...operation };
    return this.#ask(kind, resolved, sent, undefined) as Promise<boolean>;
  }

  hold(
    kind: Kind,
    resolved: ResolvedKey,
    operation: Operation,
  ): Promise<Decision<Name> | HoldAnswer> {
    return this.#ask(kind, resolved, operation, undefined) as Promise<Decision<Name> | HoldAnswer>;
  }

  /** Answers an operation in this process or sends it. Operations of one turn of the event loop travel together. */
  #ask(
    kind: Kind,
    { keys, shard, id }: ResolvedKey,
    operation: Operation,
    holder: Slots | undefined,
    onDecision?: OnDecision,
    isProbe = false,
  ): Promise<Decision | HoldAnswer | boolean> {
    return new Promise((resolve, reject) => {
      // A holder may outlive its limiter, and would get no answer.
      if (this.#closed) throw closedError();
      const ticket = freeTickets.pop() ?? pending.length;
      const engine = this as unknown as RedisEngine<string>;
      const { units, id: callId } = operation;
      // A peek charges nothing that could be given back.
      const charged = kind === Kind.Check ? units : 0;
      const call: Pending = {
        engine,
        id,
        units: charged,
        holder,
        callId,
        context: callContext(),
        onDecision,
        isProbe,
        resolve,
        reject,
        answer: undefined,
        inFlight: false,
      };
      // First: the ticket may get an answer although a time limit of node:vm ended the call.
      pending[ticket] = call;
      let code: number;
      try {
        if (
          typeof keys === 'string' &&
          isCostOnly(operation) &&
          kind <= Kind.Peek &&
          !this.table.hasSlots
        ) {
          code = this.#native.ask(kind, keys, operation.units, ticket);
        } else {
          writeOperation(operation, this.table.names.length);
          code = this.#native.ask(kind, keys, IN_EXCHANGE, ticket, operation.holder, shard, callId);
        }
      } catch (error) {
        // Native code queues nothing if it throws.
        freeTicket(ticket);
        throw error;
      }
      if (code !== QUEUED) {
        freeTicket(ticket);
        call.answer = this.#read(call, code, 0);
        void this.#settleSoon(call);
        return;
      }
      // Only after native code has accepted the operation. A call that throws, or that a time limit ends, leaves nothing
      // for close() to wait for.
      call.inFlight = true;
      this.#inFlight++;
      if (!this.#flushing) void this.#flushSoon();
    });
  }

  /** Settles after the current code, so that `onDecision` runs no subscriber inside the call. */
  async #settleSoon(call: Pending): Promise<void> {
    await undefined;
    this.settle(call);
  }

  /** An answer without a fault: its code, and where its numbers start in the exchange. */
  #read({ id, units, holder }: Pending, code: number, at: number): Decision | HoldAnswer | boolean {
    if (code >= 0) return readDecision(this.table, code, at, id, units, holder);
    return readHold(this.table, code, at) ?? code === DONE;
  }

  /** Sends the queue after the current code. Not by queueMicrotask(), which fake timers replace. */
  async #flushSoon(): Promise<void> {
    this.#flushing = true;
    await undefined;
    this.#flush();
  }

  #flush(): void {
    this.#flushing = false;
    this.#native.flush();
    this.#store.transport.session?.pump();
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
    const { session } = this.#store.transport;
    // Only the client itself knows this.
    const shown = session ? nodes.map((n) => ({ ...n, connected: session.connected })) : nodes;
    return totalOf(others, ...shown);
  }

  /** Waits for operations in flight (their deadlines end them), then releases the connection. */
  async close(): Promise<void> {
    // A time limit of node:vm may have ended a call before its flush.
    this.#flush();
    for (;;) {
      // Calls that were just aborted or answered may still give back their charges.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (this.#inFlight === 0) break;
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#closed = true;
    this.#native.close();
  }

  /** Reads the answer at `at` in the exchange; returns the position of the next one. */
  take(call: Pending, at: number, detail: string | undefined): number {
    const fault = exchange[at + 1]!;
    const code = exchange[at + 2]!;
    // Only an answer of Redis itself ends an outage, not a decision of this process.
    if (fault === 0 && code >= 0 && sourceOf(code) === 'store') this.#warnings.answered();
    if (code === ID_REUSED) {
      call.answer = idReusedError(call.callId!);
    } else if (fault !== 0 && (code < 0 || call.isProbe)) {
      call.answer = this.#error(redisFaults[fault]!, detail);
    } else {
      call.answer = this.#read(call, code, at + 3);
    }
    return at + 3 + verdictLength(this.table, code);
  }

  /** Settles the call's promise. */
  settle({ answer, context, onDecision, inFlight, resolve, reject }: Pending): void {
    if (answer instanceof Error) {
      reject(answer);
    } else {
      if (onDecision !== undefined && typeof answer === 'object') {
        context(() => onDecision(answer as Decision));
      }
      resolve(answer as Decision | HoldAnswer | boolean);
    }
    if (inFlight) this.#endOne();
  }

  #error(fault: RedisFault | typeof CROSS_SLOT, detail: string | undefined): SluiceError {
    if (fault === CROSS_SLOT) return new SluiceError('ERR_SLUICE_CROSS_SLOT', detail!);
    const { address, isCluster, session } = this.#store.transport;
    const what = `${withAddress(fault, address)} (${fault})`;
    const client = session && !session.connected ? '; the client is not connected' : '';
    // With several servers, the detail begins with the address.
    const isRepeated = !isCluster && detail?.startsWith(`${address}: `);
    const why = isRepeated ? detail?.slice(address.length + 2) : detail;
    const message = (why ? `${what}: ${why}` : what) + client;
    return new SluiceError('ERR_SLUICE_STORE_UNAVAILABLE', message, { fault });
  }

  /**
   * Reports a fault. Runs subscribers' code, which may call limiters and so overwrite the exchange: call it only after
   * all answers in it have been read.
   */
  report(faultNumber: number, detail: string | undefined, code: number): void {
    const fault = redisFaults[faultNumber]!;
    // A caller's mistake: the rejected promise reports it, not sluice:fault.
    if (fault === CROSS_SLOT) return;
    const decidedBy =
      code === ID_REUSED ? 'local' : code < 0 ? 'throw' : (sourceOf(code) as OnStoreError);
    const { address } = this.#store;
    if (publishFault({ address, fault, detail, decidedBy })) return;
    if (code >= 0 && this.#warnings.shows(fault)) {
      // A caller under the rule 'throw' sees the error; under the other rules nobody does.
      const { message } = this.#error(fault, detail);
      const rule = `checks are decided by onStoreError: '${sourceOf(code)}'`;
      warn('SLUICE_STORE_FAULT', `${message} (${rule})`);
    }
  }
}

/** Whether Redis did not answer, or what it answered. */
function withAddress(fault: RedisFault, address: string): string {
  if (fault === 'server') return `Redis at ${address} answered with an error`;
  if (fault === 'refused') return `Redis at ${address} refused the connection`;
  if (fault === 'foreign') return `Redis at ${address} holds a value that is not a limiter's`;
  if (fault === 'protocol') return `invalid answer from Redis at ${address}`;
  return `no answer from Redis at ${address}`;
}

native.onBreaker((address, state) => publishBreaker(printable(address), state));
native.onWarning((address, warning, detail) =>
  publishWarning(printable(address), warning, printable(detail)),
);

native.onAnswers((count, details) => {
  // Reads all answers before it settles any: the code that then runs may call limiters, which overwrites the exchange.
  const taken: Pending[] = [];
  const reports: (() => void)[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const ticket = exchange[at]!;
    const fault = exchange[at + 1]!;
    const code = exchange[at + 2]!;
    const call = pending[ticket];
    // Impossible, unless a time limit has ended the call.
    if (call === undefined) break;
    freeTicket(ticket);
    const detail = details?.[i] && printable(details[i]);
    if (fault !== 0) {
      const { engine, context } = call;
      if (!call.isProbe) reports.push(() => context(() => engine.report(fault, detail, code)));
    }
    at = call.engine.take(call, at, detail);
    taken.push(call);
  }
  for (const call of taken) call.engine.settle(call);
  for (const report of reports) report();
});
