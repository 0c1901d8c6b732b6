// The errors that a guard hands to its framework.

import type { Socket } from 'node:net';
import { SluiceError } from '../limiter/errors.js';

/** The properties that Express, NestJS and their loggers read of an error. */
const COMMONLY_READ = [
  'name',
  'message',
  'stack',
  'cause',
  'code',
  'status',
  'statusCode',
  'headers',
  'expose',
];

/** False if a property, or a trap of a proxy, throws when a framework reads it. */
function isReadable(thrown: object): boolean {
  try {
    for (const name of [...COMMONLY_READ, ...Object.keys(thrown)]) Reflect.get(thrown, name);
    Object.getPrototypeOf(thrown);
    String(thrown);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes an error that a framework can read: `thrown` itself if it can. A framework leaves the request unanswered if
 * reading the error throws, or if it takes a thrown `undefined` for "no error".
 *
 * @param source the function or class that was given the callback
 */
export function readableError(thrown: unknown, source: string): object {
  if (typeof thrown !== 'object' || thrown === null) {
    const message = `a function given to ${source} threw a value that is not an error`;
    return new SluiceError('ERR_SLUICE_CALLBACK', message, { cause: thrown });
  }
  if (isReadable(thrown)) return thrown;
  // Not as the cause: a logger would read it.
  const message = `a function given to ${source} threw an object whose properties cannot be read`;
  return new SluiceError('ERR_SLUICE_CALLBACK', message);
}

/**
 * The error that a framework is to handle after a guard threw; `undefined` if the client has hung up. A closed socket
 * has no address to count by, and nobody is left to answer.
 */
export function failureOf(thrown: unknown, source: string, request: unknown): object | undefined {
  const error = readableError(thrown, source);
  if ((error as Partial<SluiceError>).code !== 'ERR_SLUICE_CLIENT_IP') return error;
  // Fastify's request wraps Node's.
  const { raw, socket } = Object(request) as { raw?: { socket?: Socket }; socket?: Socket };
  return (raw?.socket ?? socket)?.destroyed === true ? undefined : error;
}
