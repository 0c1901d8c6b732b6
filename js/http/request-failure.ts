// Requests that cannot be judged: their failures, the rule for them, its events and warnings.

import { channel } from 'node:diagnostics_channel';
import { type PolicyTable, undecided } from '../limiter/decision.js';
import { type ArgumentError, printable, rangeError, reasonOf } from '../limiter/errors.js';
import type { AnyLimiter, Decision, Policy } from '../limiter/types.js';
import { warn } from '../limiter/warn.js';

/**
 * The rule for a request that cannot be judged: 'deny' answers 503, 'allow' lets it pass without a charge, 'throw' hands
 * the error to the framework.
 */
export type OnRequestError = 'deny' | 'allow' | 'throw';

const RULES: readonly OnRequestError[] = ['deny', 'allow', 'throw'];

/** The option for requests that cannot be judged. */
export interface RequestErrorOptions {
  /**
   * The rule for a request that cannot be judged: a callback failed, its result cannot be used, or the request has no
   * address. 'deny' (default) answers 503 as `onStoreError: 'deny'` does, 'allow' lets it pass without a charge, 'throw'
   * hands the error to the framework. A client may be able to cause such a failure, with a malformed header for example:
   * under 'allow' it then escapes its limit. Each failure is an event on `sluice:warning`. A callback's error with an
   * HTTP status from 400 to 599 (`status` or `statusCode`) is the application's own answer: no rule applies to it.
   */
  onRequestError?: OnRequestError;
}

/** @throws RangeError `ERR_SLUICE_OPTIONS` for an unknown rule */
export function checkRequestErrorOptions({ onRequestError }: RequestErrorOptions, where: string) {
  if (onRequestError === undefined || RULES.includes(onRequestError)) return;
  const expected = "'deny', 'allow' or 'throw'";
  throw rangeError('ERR_SLUICE_OPTIONS', `${where}.onRequestError`, onRequestError, expected);
}

/** The options whose values for a request may be at fault. */
export type RequestOption = 'key' | 'cost' | 'estimate' | 'plan' | 'limits' | 'skip';

/** The options of express-rate-limit with that meaning, besides 'skip'. */
export type CompatRequestOption = 'keyGenerator' | 'limit' | 'identifier' | 'retryAfter';

/**
 * Published on `sluice:warning` for each request that could not be judged, in the request's async context. The other
 * messages of that channel are about servers: `WarningEvent`.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * import type { RequestWarningEvent, WarningEvent } from 'sluice';
 *
 * subscribe('sluice:warning', (message) => {
 *   const event = message as WarningEvent | RequestWarningEvent;
 *   if (event.warning === 'request') console.warn(event.route, event.option, event.error);
 * });
 */
export interface RequestWarningEvent {
  /** Always 'request'. */
  readonly warning: 'request';
  /** For a person: the guard, the option, the route and the mistake. Printable, on one line, at most 2,000 characters. */
  readonly detail: string;
  /** The option at fault. 'key' also for a request without an address; the last four: of express-rate-limit. */
  readonly option: RequestOption | CompatRequestOption;
  /**
   * The method and the route, or the path where the route is not known yet; for NestJS the handler, such as
   * `Pages.index`. Printable, and cut after 200 characters, because a client chooses the path.
   */
  readonly route: string;
  /** The error of the callback, or of the check of its result. */
  readonly error: unknown;
}

const warningChannel = channel('sluice:warning');

/** Returns false if there is no subscriber. */
export function publishRequestWarning(event: Omit<RequestWarningEvent, 'warning'>): boolean {
  if (!warningChannel.hasSubscribers) return false;
  warningChannel.publish({ warning: 'request', ...event } satisfies RequestWarningEvent);
  return true;
}

/** A client chooses the path. */
const LONGEST_ROUTE = 200;

/** The route, for a message. */
export function printableRoute(route: string): string {
  return printable(route, LONGEST_ROUTE);
}

/** The text of the event about a callback's own error, which names neither the guard nor the route. */
export function describeFailure(
  where: string,
  option: string,
  route: string,
  error: unknown,
): string {
  const on = route === where ? '' : ` (${route})`;
  return printable(`${where}: ${option} failed${on}: ${reasonOf(error)}`);
}

/** Thrown by a guard for a request that cannot be judged. Not an error: a client may cause many, and nobody reads a stack. */
export class RequestFailure {
  readonly option: RequestOption;
  readonly error: unknown;
  /** Whether the message of the error names the guard and the route. */
  readonly isLocated: boolean;

  constructor(option: RequestOption, error: unknown, isLocated = false) {
    this.option = option;
    this.error = error;
    this.isLocated = isLocated;
  }
}

/** The options of a check. */
const CHECKED: readonly RequestOption[] = ['key', 'cost', 'estimate', 'plan', 'limits'];

/** The option that an error of a check is about; `undefined`: none, such as an error of the store's clock. */
export function optionOf(error: unknown): RequestOption | undefined {
  const { argument } = Object(error) as Partial<ArgumentError>;
  const head = String(argument).split('.', 1)[0];
  return CHECKED.find((option) => option === head);
}

/** The option of a check whose value throws when it is read. */
export function unreadableOption(values: object): RequestOption | undefined {
  return CHECKED.find((option) => {
    try {
      Object.entries(Object(Reflect.get(values, option)));
      return false;
    } catch {
      return true;
    }
  });
}

const rejecter = (option: RequestOption) => (error: unknown) => {
  throw new RequestFailure(option, error);
};

/** Handlers of rejected promises, which no request has to make. */
export const FAILED: Readonly<Record<RequestOption, (error: unknown) => never>> = {
  key: rejecter('key'),
  cost: rejecter('cost'),
  estimate: rejecter('estimate'),
  plan: rejecter('plan'),
  limits: rejecter('limits'),
  skip: rejecter('skip'),
};

const isErrorStatus = (status: unknown) =>
  Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;

/** Whether a callback's error is an answer of the application, such as one of http-errors or an HttpException. */
export function isAnswer(error: object): boolean {
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  return isErrorStatus(status) || isErrorStatus(statusCode);
}

const CONSEQUENCES: Readonly<Record<OnRequestError, string>> = {
  deny: 'Such requests are denied',
  allow: 'Such requests pass without a charge',
  throw: 'The framework gets such errors',
};

/** The warning of a guard's first failure of an option, if there is no subscriber. */
export function warnOfFailure(detail: string, rule: OnRequestError): void {
  warn('SLUICE_REQUEST_ERROR', `${detail}. ${CONSEQUENCES[rule]} (onRequestError: '${rule}').`);
}

/** A mock may have no policies, and a decision has at least one. */
const NO_POLICIES = { default: { limit: Number.NaN, enforce: true } as Policy };

/** The decision about a request that cannot be judged, as a rule for failed stores makes it. */
export function ruledDecision({ policies: given }: AnyLimiter, rule: 'deny' | 'allow'): Decision {
  const names = Object.keys(given);
  const policies: Readonly<Record<string, Policy>> = names.length === 0 ? NO_POLICIES : given;
  const table: PolicyTable<string> = {
    names: Object.keys(policies),
    known: names,
    policies: Object.values(policies),
    hasShadow: false,
    hasSlots: false,
  };
  return undecided(table, rule === 'allow', rule);
}
