// The NestJS guard: checks each call, and throws an exception for a denied one.

import type { ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { version as nestVersion } from '@nestjs/core/package.json';
import { addressKey, orAddress } from '../http/client-ip.js';
import { readableError } from '../http/failure.js';
import { writeFields } from '../http/fields.js';
import { isPromise, type Outcome } from '../http/guard.js';
import { PROBLEM_CONTENT_TYPE } from '../http/problem.js';
import { RequestFailure } from '../http/request-failure.js';
import { checkDefaultKey } from '../http/request-options.js';
import { type ArgumentError, printable, SluiceError } from '../limiter/errors.js';
import type { Decision, Key } from '../limiter/types.js';
import { warn } from '../limiter/warn.js';
import { fieldsOf, type HandlerCall, readCall } from './call.js';
import { denialFor, isDenial } from './denial.js';
import { writeGraphqlFields } from './graphql-fields.js';
import { HandlerLimits, type Rule } from './limits.js';
import type { NestRequest } from './options.js';

const NO_USER =
  ' (the request has no user: a guard that authenticates has to come before SluiceGuard)';
const NEST_MAJOR = Number.parseInt(nestVersion, 10);

/** The kinds of calls, besides HTTP requests, for which the module's key function is called. */
const KINDS_WITH_KEYS: readonly string[] = ['graphql', 'ws', 'rpc'];

/** Rules with a known answer: whether their key depends on a user that is set after the guard. */
const settled = new WeakSet<Rule>();
/** Rules whose handler was reported as not limited. */
const reported = new WeakSet<Rule>();
/** Rules that have limited a call without a response: their callbacks can read such calls. */
const limitedOutsideHttp = new WeakSet<Rule>();

/**
 * Guards handlers of HTTP requests, on Express and Fastify, and of GraphQL over HTTP. Admitted and denied requests get
 * `RateLimit-Policy` and `RateLimit` headers; for a denied one it throws a `RateLimitException`.
 *
 * Guards gateways, RPC handlers and GraphQL subscriptions if the module or a decorator has a `key`, and other handlers,
 * such as those of queues, if their own decorator has one. Otherwise they pass, with one warning for each handler
 * (`SLUICE_NOT_LIMITED`). They also pass while the module's callbacks have failed on every call of the handler. After
 * that, and for other handlers, `onRequestError` decides about a call that cannot be judged; default: 503.
 *
 * Use it by `SluiceModule.forRoot({ guard: true })`, `APP_GUARD` or `@UseGuards`; each guard charges a request. A
 * subclass may override `getKey`, `shouldSkip` and `throwDenied`, and may have its own constructor: Nest injects the
 * guard's dependencies into properties.
 *
 * @example
 * import { type NestRequest, SluiceGuard } from 'sluice/nestjs';
 *
 * class UserGuard extends SluiceGuard {
 *   protected override getKey(request: NestRequest & { user: { id: string } }) {
 *     return request.user.id;
 *   }
 * }
 */
export class SluiceGuard implements CanActivate {
  // TypeScript's `private`, not `#`: if providers depend on each other in a circle, Nest copies the fields to another
  // object.
  private readonly sluiceLimits: HandlerLimits | undefined;
  private readonly sluiceAdapter: HttpAdapterHost | undefined;

  /**
   * Decides whether the handler runs. Nest calls it.
   *
   * @throws RateLimitException (`WsException`, `RpcException`); a callback's own exception of NestJS; the error of a
   *   failed store under `onStoreError: 'throw'`, and of a callback under `onRequestError: 'throw'`
   */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { limits, adapter } = this.sluiceParts();
    const rule = limits.rule(context.getClass(), context.getHandler());
    if (rule === undefined) return true;
    const call = readCall(context);
    const { response } = call;
    const hadUser = hasUser(call.request);
    let outcome: Outcome;
    try {
      let skips: boolean;
      try {
        skips = await this.shouldSkip(context);
      } catch (error) {
        throw new RequestFailure('skip', error);
      }
      if (skips) return true;
      const reason = this.sluiceUnfit(call, rule);
      if (reason !== undefined) return passUnlimited(rule, context, reason);
      outcome = await this.sluiceAsk(call, rule, context);
      if (response === undefined) limitedOutsideHttp.add(rule);
    } catch (thrown) {
      // The module's callbacks may be written for HTTP requests, and a global guard must not break other handlers. But
      // after one success the message is at fault: no client may choose not to be limited.
      const mayPass = response === undefined && !rule.hasOwnKey && !limitedOutsideHttp.has(rule);
      const mistake = mayPass ? mistakeOf(thrown) : undefined;
      if (mistake !== undefined) {
        const reason = `its skip, key, plan, cost or limits failed (${printable(mistake, 200)})`;
        return passUnlimited(rule, context, reason);
      }
      const ruled = rule.guard.outcomeOf(thrown, call.request as NestRequest, context);
      if (ruled === undefined) return false; // The client is gone.
      outcome = ruled;
    }
    const { key, decision } = outcome;
    const write = call.kind === 'graphql' ? writeGraphqlFields : writeFields;
    rule.guard.settle(outcome, response, fieldsOf(call, adapter), write);
    if (rule.guard.refunds && decision.allowed && response !== undefined) {
      rule.guard.refundLater(outcome, response, call.request as NestRequest, context);
    }
    if (!decision.allowed) {
      try {
        await this.throwDenied(context, decision);
      } catch (thrown) {
        throw isDenial(thrown) ? thrown : readableError(thrown, 'SluiceGuard');
      }
      throw denialFor(call.kind, decision); // An override that returns must not let the request in.
    }
    const derives = rule.key !== undefined || this.getKey !== SluiceGuard.prototype.getKey;
    const mayDependOnUser = derives && !hadUser && !settled.has(rule);
    if (mayDependOnUser && key !== undefined && response !== undefined) {
      this.sluiceWatch(key, rule, call.request as NestRequest, context, response);
    }
    if (decision.delayMs > 0) {
      await new Promise<void>((resolve) => rule.guard.delay(outcome, response, resolve));
    }
    return true;
  }

  /** The caller to limit. Default: by the decorator's key function, else the module's, else the client's address. */
  protected getKey(request: NestRequest, context: ExecutionContext): Key | Promise<Key> {
    const { limits } = this.sluiceParts();
    const rule = limits.rule(context.getClass(), context.getHandler());
    if (rule?.key !== undefined) {
      const key = rule.key(request, context);
      const mayFallBack = rule.fallsBackOnAddress && readCall(context).response !== undefined;
      // The limiter refuses a missing key.
      return mayFallBack ? orAddress(key, request) : (key as Key | Promise<Key>);
    }
    if (rule !== undefined) checkDefaultKey(rule.guard.limiter, `the key of ${nameOf(context)}`);
    return addressKey(request);
  }

  /** True lets a request pass without a check, a charge or headers. Default: the answer of the module's `skip`. */
  protected shouldSkip(context: ExecutionContext): boolean | Promise<boolean> {
    const { skip } = this.sluiceParts().limits.options;
    return skip?.(readCall(context).request as NestRequest, context) ?? false;
  }

  /**
   * Throws the exception for a denied request; the headers are already set. Default: that of the module's `handler`,
   * else `RateLimitException`.
   */
  protected throwDenied(context: ExecutionContext, decision: Decision): void | Promise<void> {
    const { handler } = this.sluiceParts().limits.options;
    const call = readCall(context);
    const handled = handler?.(call.request as NestRequest, context, decision);
    if (isPromise(handled)) return handled.then(() => this.sluiceDeny(call, decision));
    this.sluiceDeny(call, decision);
  }

  private sluiceDeny(call: HandlerCall, decision: Decision): never {
    const { adapter } = this.sluiceParts();
    if (call.kind === 'http' && keepsProblemType(adapter)) {
      fieldsOf(call, adapter)?.setHeader('Content-Type', PROBLEM_CONTENT_TYPE);
    }
    throw denialFor(call.kind, decision);
  }

  private sluiceParts(): { limits: HandlerLimits; adapter: HttpAdapterHost } {
    const { sluiceLimits: limits, sluiceAdapter: adapter } = this;
    if (limits !== undefined && adapter !== undefined) return { limits, adapter };
    const message = 'SluiceGuard has to be made by Nest: give it the class, not an instance';
    throw new SluiceError('ERR_SLUICE_NEST', message);
  }

  /** The reason why a call cannot be limited; `undefined` if it can. */
  private sluiceUnfit({ kind, response }: HandlerCall, rule: Rule): string | undefined {
    if (response !== undefined) return undefined;
    if (rule.takesSlots) {
      return 'its policies count calls in progress, and only an HTTP response shows when a call ends';
    }
    if (rule.hasOwnKey) return undefined;
    const derives = rule.key !== undefined || this.getKey !== SluiceGuard.prototype.getKey;
    if (derives && KINDS_WITH_KEYS.includes(kind)) return undefined;
    return 'it gets no HTTP request, so there is no client address to count by';
  }

  /** @throws (a rejection) a value for `HttpGuard.outcomeOf` */
  private async sluiceAsk(
    call: HandlerCall,
    { guard }: Rule,
    context: ExecutionContext,
  ): Promise<Outcome> {
    const request = call.request as NestRequest;
    let key: Key;
    try {
      key = await this.getKey(request, context);
    } catch (error) {
      throw new RequestFailure('key', error);
    }
    const lacksUser = call.response !== undefined && !hasUser(request);
    return guard.askAs(key, request, context, lacksUser ? NO_USER : '');
  }

  /**
   * Detects a key function that falls back on the address because the guard that authenticates runs later. Calls it
   * again once a request with a user has been answered. Another key shows that mistake; the same key shows that it does
   * not depend on the user. Either ends the watch.
   */
  private sluiceWatch(
    key: Key,
    rule: Rule,
    request: NestRequest,
    context: ExecutionContext,
    response: ServerResponse,
  ): void {
    response.once('finish', async () => {
      if (!hasUser(request) || settled.has(rule)) return;
      settled.add(rule);
      try {
        const now = await this.getKey(request, context);
        if (isDeepStrictEqual(now, key)) return;
      } catch {
        return; // The key depends on a value that is gone with the request. That proves nothing.
      }
      warn(
        'SLUICE_KEY_MISSING_USER',
        `the key of ${nameOf(context)} depends on request.user, which is set only after ${this.constructor.name}: ` +
          'callers are limited by the wrong key. Put the guard that authenticates first.',
      );
    });
  }
}

Injectable()(SluiceGuard);
Inject(HandlerLimits)(SluiceGuard.prototype, 'sluiceLimits');
Inject(HttpAdapterHost)(SluiceGuard.prototype, 'sluiceAdapter');

function hasUser(request: unknown): boolean {
  const { user } = Object(request) as Partial<NestRequest>;
  return user !== undefined && user !== null;
}

/** The message of an error about a wrong value, such as `undefined` for a request's header. */
function mistakeOf(thrown: unknown): string | undefined {
  const cause = thrown instanceof RequestFailure ? thrown.error : thrown;
  const error = readableError(cause, 'SluiceGuard');
  if (!(error instanceof Error)) return undefined;
  const isAboutValue =
    error instanceof TypeError || (error as Partial<ArgumentError>).argument !== undefined;
  return isAboutValue ? String(error.message) : undefined;
}

/** Admits a call that cannot be limited, with one warning for each handler. */
function passUnlimited(rule: Rule, context: ExecutionContext, reason: string): true {
  if (reported.has(rule)) return true;
  reported.add(rule);
  const fix = rule.takesSlots
    ? '@RateLimit with policies other than concurrency'
    : '@RateLimit({ key })';
  warn(
    'SLUICE_NOT_LIMITED',
    `${nameOf(context)} (context type '${context.getType()}') is not limited: ${reason}. ` +
      `Give it ${fix}, or exempt it with @SkipRateLimit().`,
  );
  return true;
}

/**
 * NestJS 11 on Express takes any type but application/json in an error's response for a mistake: it overwrites the
 * type, and logs a warning for each denial.
 */
function keepsProblemType({ httpAdapter }: HttpAdapterHost): boolean {
  return NEST_MAJOR >= 12 || httpAdapter.getType() !== 'express';
}

function nameOf(context: ExecutionContext): string {
  return `${context.getClass().name}.${context.getHandler().name}`;
}
