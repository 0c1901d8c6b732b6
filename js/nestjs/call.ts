// Reads a Nest context: its request and, for an HTTP call, its response.

import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import type { HeaderFields } from '../http/fields.js';

/** A call that a guard decides about. */
export interface HandlerCall {
  /** 'http', 'graphql', 'ws', 'rpc', or a library's own name for its contexts. */
  readonly kind: string;
  /**
   * The argument of key functions: the platform's request; for GraphQL the HTTP request, else the GraphQL context; for
   * a gateway the client; for an RPC handler the data; for any other handler its first argument.
   */
  readonly request: unknown;
  /** Node's response: Express's is one, and Fastify's wraps one. `undefined`: not an HTTP call. */
  readonly response: ServerResponse | undefined;
  /** The platform's response, if the platform sends it. */
  readonly platformResponse?: ServerResponse;
}

type Loose = Readonly<Record<string, unknown>>;

const NO_FIELDS: Loose = {};

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null;
}

/** The fields of an object; none for other values. */
function fields(value: unknown): Loose {
  return isObject(value) ? value : NO_FIELDS;
}

/** Node's response, if both values are from an HTTP platform: libraries may call their own handlers 'http' too. */
function responseOf(request: unknown, response: unknown): ServerResponse | undefined {
  const node = fields(response).raw ?? response;
  const isHttp = isObject(fields(request).headers) && typeof fields(node).headersSent === 'boolean';
  return isHttp ? (node as ServerResponse) : undefined;
}

/** The HTTP call behind a GraphQL one. Apollo's context has `req` and `res`, Mercurius' has `reply`. */
function graphqlCall(context: unknown): HandlerCall {
  const { req, res, reply } = fields(context);
  const request = req ?? fields(reply).request;
  const response = responseOf(request, res ?? reply ?? fields(request).res);
  return { kind: 'graphql', request: response === undefined ? context : request, response };
}

export function readCall(context: ExecutionContext): HandlerCall {
  const kind: string = context.getType();
  if (kind === 'http') {
    const http = context.switchToHttp();
    const request: unknown = http.getRequest();
    const platformResponse: ServerResponse = http.getResponse();
    const response = responseOf(request, platformResponse);
    if (response !== undefined) return { kind, request, response, platformResponse };
  }
  if (kind === 'graphql') return graphqlCall(context.getArgByIndex(2));
  return { kind, request: context.getArgByIndex(0), response: undefined };
}

/** The header fields of a call's response; `undefined` if there is no response, or it has begun. */
export function fieldsOf(
  { response, platformResponse: own }: HandlerCall,
  { httpAdapter }: HttpAdapterHost,
): HeaderFields | undefined {
  if (response === undefined || response.headersSent) return undefined;
  if (own === undefined || own === response) return response;
  if (httpAdapter.isHeadersSent(own)) return undefined;
  // On Fastify, middleware writes to Node's response, and the fields of Fastify's reply override those.
  return {
    getHeader: (name) => own.getHeader(name) ?? response.getHeader(name),
    setHeader: (name, value) => httpAdapter.setHeader(own, name, value),
    removeHeader(name) {
      own.removeHeader(name);
      response.removeHeader(name);
    },
  };
}
