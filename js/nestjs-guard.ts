// The NestJS guard: asks a limiter about each HTTP request, and throws what a denied one is answered.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { version as nestVersion } from '@nestjs/core/package.json';
import { SluiceError, typeError } from './errors.js';
import { clientIpKey } from './http-client-ip.js';
import { type ResponseFields, type Told, writeFields } from './http-fields.js';
import { hold } from './http-hold.js';
import type { Question } from './http-limiter.js';
import { policiesUnder } from './http-policies.js';
import { PROBLEM_CONTENT_TYPE, problemOf } from './http-problem.js';
import { checkDefaultKey, checkKeyKind, locate } from './http-question.js';
import { releaseWhenClosed } from './http-release.js';
import { warnOfProxyTrust } from './http-setup-warnings.js';
import { readableError } from './http-thrown.js';
import { HandlerLimits, type Rule } from './nestjs-limits.js';
import type { NestRequest } from './nestjs-options.js';
import type { Decision, Key } from './types.js';

const NO_USER =
  ' (the request has no user: a guard that authenticates has to come before SluiceGuard)';
const NEST_MAJOR = Number.parseInt(nestVersion, 10);

/** A denied request: 429, or 503 where a store failed and the rule is to deny. Its response is problem+json. */
export class RateLimitException extends HttpException {
  readonly code = 'ERR_SLUICE_DENIED';
  readonly decision: Decision;

  constructor(decision: Decision) {
    const problem = problemOf(decision);
    super({ ...problem }, problem.status);
    this.message = problem.title;
    this.decision = decision;
  }
}

/**
 * Guards HTTP handlers, on Express and Fastify. Admitted and denied requests get `RateLimit-Policy` and
 * `RateLimit` headers; a denied one is answered by the `RateLimitException` that is thrown.
 *
 * To be given by `SluiceModule.forRoot({ global: true })`, `APP_GUARD` or `@UseGuards`; one request asks as
 * often as it is guarded. A subclass may override `getKey`, `shouldSkip` and `throwDenied`, and may have a
 * constructor of its own: what the guard needs is injected into properties.
 */
export class SluiceGuard implements CanActivate {
  // TypeScript's `private`, not `#`: where providers depend on each other in a circle, Nest copies the fields
  // to an object of its own.
  private readonly sluiceLimits: HandlerLimits | undefined;
  private readonly sluiceAdapter: HttpAdapterHost | undefined;
  /** Rules of which is known whether their key depends on a user who is known only after this guard. */
  private readonly sluiceSettled = new WeakSet<Rule>();

  /** @throws RateLimitException, or the error of a callback or of the store */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    try {
      return await this.sluiceAdmits(context);
    } catch (thrown) {
      throw readableError(thrown, 'SluiceGuard');
    }
  }

  private async sluiceAdmits(context: ExecutionContext): Promise<boolean> {
    const { limits } = this.sluiceParts();
    const rule = limits.rule(context.getClass(), context.getHandler());
    if (rule === undefined || (await this.shouldSkip(context))) return true;
    refuseOtherThanHttp(context);
    const request = context.switchToHttp().getRequest<NestRequest>();
    const hadUser = hasUser(request);
    let key: unknown;
    try {
      key = await this.getKey(request, context);
    } catch (error) {
      if (hasHungUp(request, error)) return false; // There is nobody to answer, and nothing to report.
      throw error;
    }
    const name = nameOf(context);
    checkKeyKind(rule.keyKinds, key, `the key of ${name}`, hadUser ? '' : NO_USER);
    const question = await questionOf(rule, request, context);
    const decision = await rule.limiter.check(key, question).catch((error: unknown) => {
      throw locate(error, name);
    });
    const response = nodeResponse(context);
    // First of all, so that whatever happens to the request its slots are given back.
    if (decision.holder !== undefined) releaseWhenClosed(decision.holder, response);
    this.sluiceTell(context, {
      decision,
      policies: policiesUnder(rule.limiter, question?.plan),
      policyField: rule.policyField(decision, question?.plan),
    });
    if (!decision.allowed) {
      await this.throwDenied(context, decision);
      throw new RateLimitException(decision); // An override that returns must not let the request in.
    }
    const derives = rule.key !== undefined || this.getKey !== SluiceGuard.prototype.getKey;
    if (derives && !hadUser && !this.sluiceSettled.has(rule)) {
      this.sluiceWatch(key, rule, request, context);
    }
    if (decision.delayMs > 0) {
      await new Promise<void>((resolve) => hold(decision.delayMs, response, resolve));
    }
    return true;
  }

  /** Who is limited. Default: by the decorator's key function, else the module's, else the client's address. */
  protected getKey(request: NestRequest, context: ExecutionContext): Key | Promise<Key> {
    const { limits } = this.sluiceParts();
    const rule = limits.rule(context.getClass(), context.getHandler());
    if (rule?.key !== undefined) return rule.key(request, context);
    if (rule !== undefined) checkDefaultKey(rule.keyKinds, `the key of ${nameOf(context)}`);
    warnOfProxyTrust(request);
    return clientIpKey(request.ip);
  }

  /** True lets a request pass unasked, uncharged and without headers. Default: false. */
  protected shouldSkip(_context: ExecutionContext): boolean | Promise<boolean> {
    return false;
  }

  /** Throws what a denied request is to be answered; the headers are set by then. Default: `RateLimitException`. */
  protected throwDenied(context: ExecutionContext, decision: Decision): void | Promise<void> {
    const { adapter } = this.sluiceParts();
    if (keepsProblemType(adapter)) {
      setHeader(adapter, context, 'Content-Type', PROBLEM_CONTENT_TYPE);
    }
    throw new RateLimitException(decision);
  }

  private sluiceParts(): { limits: HandlerLimits; adapter: HttpAdapterHost } {
    const { sluiceLimits: limits, sluiceAdapter: adapter } = this;
    if (limits !== undefined && adapter !== undefined) return { limits, adapter };
    const message = 'SluiceGuard has to be made by Nest: give it the class, not an instance';
    throw new SluiceError('ERR_SLUICE_NEST', message);
  }

  private sluiceTell(context: ExecutionContext, told: Told): void {
    const { limits, adapter } = this.sluiceParts();
    const response = context.switchToHttp().getResponse<FrameworkResponse>();
    if (adapter.httpAdapter.isHeadersSent(response)) return;
    writeFields(fieldsOf(adapter, response), told, limits.options);
  }

  /**
   * A key function may fall back on the address because the guard that authenticates runs later, and nobody
   * would notice. So it is asked again once a request has been answered that has a user by then: another key
   * is that mistake, the same key means that it does not depend on the user. Either ends the watch.
   */
  private sluiceWatch(key: Key, rule: Rule, request: NestRequest, context: ExecutionContext): void {
    nodeResponse(context).once('finish', async () => {
      if (!hasUser(request) || this.sluiceSettled.has(rule)) return;
      this.sluiceSettled.add(rule);
      try {
        const now = await this.getKey(request, context);
        if (isDeepStrictEqual(now, key)) return;
      } catch {
        return; // The key depends on something that is gone with the request. That proves nothing.
      }
      process.emitWarning(
        `the key of ${nameOf(context)} depends on request.user, which is set only after ${this.constructor.name}: ` +
          'callers are limited by another key than was meant. Put the guard that authenticates first.',
        { type: 'SluiceWarning', code: 'SLUICE_KEY_MISSING_USER' },
      );
    });
  }
}

Injectable()(SluiceGuard);
Inject(HandlerLimits)(SluiceGuard.prototype, 'sluiceLimits');
Inject(HttpAdapterHost)(SluiceGuard.prototype, 'sluiceAdapter');

type FrameworkResponse = ServerResponse & { readonly raw?: ServerResponse };

/** On Fastify, middleware writes to Node's response, and the fields of Fastify's reply take the place of those. */
function fieldsOf({ httpAdapter }: HttpAdapterHost, response: FrameworkResponse): ResponseFields {
  return {
    response: response.raw ?? response,
    get: (name) => response.getHeader(name) ?? response.raw?.getHeader(name),
    set: (name, value) => httpAdapter.setHeader(response, name, value),
    remove: (name) => {
      response.removeHeader(name);
      response.raw?.removeHeader(name);
    },
  };
}

/** Node's response: what Express gives is one, what Fastify gives wraps one. */
function nodeResponse(context: ExecutionContext): ServerResponse {
  const response = context.switchToHttp().getResponse<FrameworkResponse>();
  return response.raw ?? response;
}

function hasUser(request: NestRequest): boolean {
  return request.user !== undefined && request.user !== null;
}

/** A client that has hung up has no address any more. */
function hasHungUp(request: NestRequest, error: unknown): boolean {
  if ((error as Partial<SluiceError> | undefined)?.code !== 'ERR_SLUICE_CLIENT_IP') return false;
  const { raw, socket } = request as { raw?: { socket?: Socket }; socket?: Socket };
  return (raw?.socket ?? socket)?.destroyed === true;
}

/**
 * NestJS 11 on Express takes any type but application/json for a mistake in an error's answer: it would
 * overwrite it, and log a warning about it for each denial.
 */
function keepsProblemType({ httpAdapter }: HttpAdapterHost): boolean {
  return NEST_MAJOR >= 12 || httpAdapter.getType() !== 'express';
}

function setHeader(
  { httpAdapter }: HttpAdapterHost,
  context: ExecutionContext,
  name: string,
  value: string,
): void {
  const response: unknown = context.switchToHttp().getResponse();
  if (!httpAdapter.isHeadersSent(response)) httpAdapter.setHeader(response, name, value);
}

function nameOf(context: ExecutionContext): string {
  return `${context.getClass().name}.${context.getHandler().name}`;
}

function refuseOtherThanHttp(context: ExecutionContext): void {
  const kind: string = context.getType();
  if (kind === 'http') return;
  const message = `SluiceGuard limits HTTP requests, and ${nameOf(context)} was called in a context of type '${kind}': exempt it with @SkipRateLimit(), or override shouldSkip`;
  throw new SluiceError('ERR_SLUICE_CONTEXT', message);
}

/** What else than its key a request is asked with. */
async function questionOf(
  { question }: Rule,
  request: NestRequest,
  context: ExecutionContext,
): Promise<Question | undefined> {
  let asked: Record<string, unknown> | undefined;
  for (const [part, option] of Object.entries(question)) {
    const value: unknown = typeof option === 'function' ? await option(request, context) : option;
    if (value === undefined && part !== 'limits') {
      // To the limiter, no cost means 1; here it is a forgotten `return`.
      const code = part === 'cost' ? 'ERR_SLUICE_COST' : 'ERR_SLUICE_PLAN';
      throw typeError(code, `the ${part} of ${nameOf(context)}`, value, `a ${part}`);
    }
    asked = { ...asked, [part]: value };
  }
  return asked;
}
