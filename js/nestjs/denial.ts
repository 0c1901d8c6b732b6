// The exceptions for denied calls of NestJS handlers.

import { HttpException } from '@nestjs/common';
import { problemOf } from '../http/problem.js';
import type { Decision } from '../limiter/types.js';

type Websockets = typeof import('@nestjs/websockets');
type Microservices = typeof import('@nestjs/microservices');

const CODE = 'ERR_SLUICE_DENIED';

/** The exceptions made here. */
const denials = new WeakSet<object>();

/** Whether a callback's error is meant for the client: an exception of NestJS, or a GraphQLError. */
export function isException(error: object): boolean {
  const { getStatus, getError, name } = error as Partial<
    Record<'getStatus' | 'getError' | 'name', unknown>
  >;
  // Not instanceof: the classes are in packages that may be missing, or installed twice.
  return [typeof getStatus, typeof getError].includes('function') || name === 'GraphQLError';
}

/** Whether this file made the exception. Reads no property of it: `stack` alone takes longer than the decision. */
export function isDenial(thrown: unknown): boolean {
  return denials.has(thrown as object);
}

/**
 * A denied request: 429, or 503 if a rule denied it (`onStoreError`, `onRequestError`). Its response is problem+json.
 *
 * @example
 * import type { ArgumentsHost } from '@nestjs/common';
 * import { BaseExceptionFilter } from '@nestjs/core';
 * import { RateLimitException } from 'sluice/nestjs';
 *
 * // app.useGlobalFilters(new DenialFilter(app.getHttpAdapter()));
 * class DenialFilter extends BaseExceptionFilter {
 *   override catch(error: unknown, host: ArgumentsHost) {
 *     if (!(error instanceof RateLimitException)) return super.catch(error, host);
 *     const { retryAfterMs } = error.decision;
 *     host.switchToHttp().getResponse().status(error.getStatus()).json({ retryAfterMs });
 *   }
 * }
 */
export class RateLimitException extends HttpException {
  /** The same for each denial. */
  readonly code = CODE;
  /** The denial. */
  readonly decision: Decision;

  constructor(decision: Decision) {
    const problem = problemOf(decision);
    super({ ...problem }, problem.status);
    this.message = problem.title;
    this.decision = decision;
    denials.add(this);
  }
}

/** The exception class whose filter sends it to the client, for such a context. */
function classFor(kind: string): (new (error: object) => Error) | undefined {
  try {
    // Already loaded by an application with such a context. Literal names, for bundlers.
    if (kind === 'ws') return (require('@nestjs/websockets') as Websockets).WsException;
    if (kind === 'rpc') return (require('@nestjs/microservices') as Microservices).RpcException;
  } catch {
    // Not installed where this package can find it.
  }
  return undefined;
}

/**
 * A `RateLimitException`; for a gateway a `WsException`, for an RPC handler an `RpcException`. The error of these two
 * is the problem with `retryAfterMs`, because they have no headers. All have `code` and `decision`.
 */
export function denialFor(kind: string, decision: Decision): Error {
  const ErrorClass = classFor(kind);
  if (ErrorClass === undefined) return new RateLimitException(decision);
  const { retryAfterMs } = decision;
  const problem = problemOf(decision);
  const error = Number.isFinite(retryAfterMs) ? { ...problem, retryAfterMs } : problem;
  const denial = new ErrorClass(error);
  denials.add(denial);
  return Object.assign(denial, { message: problem.title, code: CODE, decision });
}
