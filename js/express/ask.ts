// Puts a request to a limiter: skip, then key, then what else is asked, then the check.

import type { Request, Response } from 'express';
import { clientIpKey } from '../http/client-ip.js';
import { type HttpLimiter, isSync, type Question } from '../http/limiter.js';
import {
  checkDefaultKey,
  checkDefaultPlan,
  checkKeyKind,
  checkQuestion,
  isMissing,
  keyKindsOf,
  locate,
  missingError,
} from '../http/question.js';
import { warnOfProxyTrust } from '../http/setup-warnings.js';
import { ownOption } from '../limiter/own-options.js';
import type { Decision, Key } from '../limiter/types.js';
import type { PerRequest, RequestOptions } from './options.js';

export type Later<T> = T | Promise<T>;

/** What a limiter said of a request. */
export interface Verdict<Name extends string> {
  readonly key: Key;
  readonly plan: string | undefined;
  readonly decision: Decision<Name>;
}

export function isPromise<T>(value: Later<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function';
}

// Goes on at once where it can: a limiter in this process then costs a request no turn of the microtask queue.
function chain<T, U>(value: Later<T>, go: (value: T) => Later<U>): Later<U> {
  return isPromise(value) ? Promise.resolve(value).then(go) : go(value);
}

function toldOf(error: unknown): never {
  throw locate(error, 'rateLimit');
}

type Ask<T> = (req: Request, res: Response) => Later<T>;

/** Finds out what else than its key a request is asked with; `undefined` if it is nothing for any. */
function questioner<Name extends string>(
  limiter: HttpLimiter<Name>,
  options: RequestOptions<Name, Key, string>,
): Ask<Question<Name>> | Question<Name> | undefined {
  const fixed: Record<string, unknown> = {};
  const asked: [part: keyof Question, of: (req: Request, res: Response) => Later<unknown>][] = [];
  for (const part of ['cost', 'plan', 'limits'] as const) {
    const option: PerRequest<unknown> = options[part];
    if (typeof option === 'function') asked.push([part, option as Ask<unknown>]);
    else if (option !== undefined) fixed[part] = option;
  }
  if (asked.length === 0) return Object.keys(fixed).length === 0 ? undefined : fixed;

  // One after the other: if one fails, no other is left behind that may fail too.
  function answer(
    i: number,
    question: Record<string, unknown>,
    req: Request,
    res: Response,
  ): Later<Question<Name>> {
    if (i === asked.length) return question;
    const [part, of] = asked[i]!;
    return chain(of(req, res), (value) => {
      if (isMissing(part, value)) {
        throw missingError(limiter as HttpLimiter, part, `the result of ${part}(req, res)`);
      }
      question[part] = value;
      return answer(i + 1, question, req, res);
    });
  }
  return (req, res) => answer(0, { ...fixed }, req, res);
}

function defaultKey(req: Request): string {
  warnOfProxyTrust(req);
  return clientIpKey(req.ip);
}

/**
 * Makes what asks the limiter of each request; it answers `undefined` for one to be skipped.
 *
 * @throws TypeError, RangeError `ERR_SLUICE_*` for options that do not fit the limiter
 */
export function asker<Name extends string>(
  limiter: HttpLimiter<Name>,
  options: RequestOptions<Name, Key, string>,
): Ask<Verdict<Name> | undefined> {
  const kinds = keyKindsOf(limiter as HttpLimiter);
  checkQuestion(limiter as HttpLimiter, options, (part) => `rateLimit.${part}`);
  if (options.key === undefined) checkDefaultKey(kinds, 'rateLimit.key');
  if (options.plan === undefined) checkDefaultPlan(limiter as HttpLimiter, 'rateLimit.plan');
  const { key: keyOf = defaultKey, skip } = options;
  const question = questioner(limiter, options);

  function check(key: Key, question?: Question<Name>): Later<Verdict<Name>> {
    const plan = ownOption(question, 'plan');
    if (isSync(limiter)) {
      try {
        return { key, plan, decision: limiter.checkSync(key, question) };
      } catch (error) {
        return toldOf(error);
      }
    }
    return limiter.check(key, question).then((decision) => ({ key, plan, decision }), toldOf);
  }

  function charge(req: Request, res: Response): Later<Verdict<Name>> {
    return chain(keyOf(req, res), (key) => {
      checkKeyKind(kinds, key, 'the result of key(req, res)');
      if (typeof question !== 'function') return check(key, question);
      return chain(question(req, res), (question) => check(key, question));
    });
  }

  if (skip === undefined) return charge;
  return (req, res) => chain(skip(req, res), (skipped) => (skipped ? undefined : charge(req, res)));
}
