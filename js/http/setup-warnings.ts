// Warns about mistakes in an HTTP application's set-up: each once per server.

import { IncomingMessage } from 'node:http';
import { warn } from '../limiter/warn.js';

/** The parts of Express's and Fastify's requests that show the application's set-up. */
export interface FrameworkRequest {
  /** The client's address, by the framework's trust in proxies. */
  readonly ip?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: unknown;
  /** Express's application. */
  readonly app?: { get(setting: string): unknown };
  /** Fastify's server; its reply wraps Node's request. */
  readonly server?: object;
  readonly raw?: { readonly socket?: unknown };
  readonly ips?: readonly string[] | undefined;
}

/** The warnings of each server; a process may make an application per request. */
const warned = new WeakMap<object, Set<string>>();
/** Instead of a server, if the request has none: in a test, on a function platform. */
const NO_SERVER = {};

function serverOf(request: FrameworkRequest): object {
  const socket = (request.raw ?? request).socket as { server?: object } | null | undefined;
  return socket?.server ?? NO_SERVER;
}

function warnOnce(request: FrameworkRequest, code: string, message: string): void {
  const server = serverOf(request);
  const codes = warned.get(server) ?? new Set();
  warned.set(server, codes);
  if (codes.has(code)) return;
  codes.add(code);
  warn(code, message);
}

/** Longer than any chain of proxies, so that a trusted number of proxies is not taken for trust in all. */
const CHAIN_LENGTH = 32;

/** Whether the framework believes any client any address. */
function trustsAll(request: FrameworkRequest): boolean {
  // Addresses reserved for documentation (RFC 5737, RFC 3849), which no proxy has.
  for (const [client, proxy] of [
    ['203.0.113.9', '198.51.100.7'],
    ['2001:db8::9', '2001:db8:1::7'],
  ]) {
    const forged = {
      headers: { 'x-forwarded-for': [client, ...Array(CHAIN_LENGTH).fill(proxy)].join(', ') },
      socket: { remoteAddress: proxy },
    };
    // The framework's own `ip`, for a copy of this request with another address.
    const properties = { ...forged, connection: forged.socket, raw: forged };
    const probe: FrameworkRequest = Object.create(
      request,
      Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, { value }])),
    );
    if (probe.ip === client) return true;
  }
  return false;
}

type Trust = 'none' | 'some' | 'all';

function trustOf(request: FrameworkRequest): Trust {
  try {
    const { app } = request;
    // Fastify has `ips` only where it trusts a proxy.
    const isNone = app === undefined ? request.ips === undefined : !app.get('trust proxy');
    if (isNone) return 'none';
    return trustsAll(request) ? 'all' : 'some';
  } catch {
    return 'some'; // A trust function that throws, or a framework that we do not know.
  }
}

/** The trust of each application or Fastify server; 'some' also after its warning. */
const trusts = new WeakMap<object, Trust>();

/**
 * Warns if the client's address is a bad key: an X-Forwarded-For arrives and the framework trusts no proxy, or the
 * framework trusts every proxy.
 */
export function warnOfProxyTrust(request: FrameworkRequest): void {
  const application = request.app ?? request.server;
  if (application === undefined) return;
  let trust = trusts.get(application);
  if (trust === undefined) {
    trust = trustOf(request);
    trusts.set(application, trust);
  }
  if (trust === 'some') return;
  const isExpress = request.app !== undefined;
  const option = isExpress ? "Express's 'trust proxy'" : "Fastify's 'trustProxy'";
  const fix = isExpress
    ? "app.set('trust proxy', 1) for one proxy, or app.set('trust proxy', '10.0.0.0/8') by address"
    : "trustProxy: '10.0.0.0/8', the addresses of your proxies";
  if (trust === 'all') {
    trusts.set(application, 'some');
    warnOnce(
      request,
      'SLUICE_TRUST_PROXY_ALL',
      `${option} trusts every address, so that a client can choose its own address with X-Forwarded-For and escape its limit. Trust only your proxies: ${fix}; or give a 'key'.`,
    );
  } else if (request.headers['x-forwarded-for'] !== undefined) {
    trusts.set(application, 'some');
    warnOnce(
      request,
      'SLUICE_TRUST_PROXY_NONE',
      `A request has X-Forwarded-For, and ${option} trusts no proxy. If the application is behind a proxy, all clients have the proxy's address and share one limit. Trust your proxies: ${fix}; or give a 'key'.`,
    );
  }
}

/** By server, the first request whose handler made middleware. */
const firstMakers = new WeakMap<object, WeakRef<object>>();

/** False for the first request of a server, which may build the application, as on a function platform. */
function isLaterRequest(request: FrameworkRequest): boolean {
  const server = serverOf(request);
  const first = firstMakers.get(server);
  if (first === undefined) firstMakers.set(server, new WeakRef(request));
  return first !== undefined && first.deref() !== request;
}

/**
 * Detects middleware that a request handler makes. Returns a function to call with each request of the middleware. It
 * warns if the first request comes in the turn in which the middleware was made, at the second such request of a server.
 */
export function watchCreation(): (request: object) => void {
  let isSameTurn = true;
  // No timer: tests replace them.
  Promise.resolve().then(() => {
    isSameTurn = false;
  });
  return (request) => {
    // A server never hands over a request in the turn in which an application is built; a test without a server may.
    if (!isSameTurn || !(request instanceof IncomingMessage)) return;
    isSameTurn = false;
    if (!isLaterRequest(request as FrameworkRequest)) return;
    warnOnce(
      request as FrameworkRequest,
      'SLUICE_MADE_IN_HANDLER',
      'rateLimit() was called inside a request handler. Each call makes a new limiter, which has counted nothing yet: unless the limiters share a store, no request is ever limited. Call rateLimit() once, when the application starts, and use the middleware that it returns for all requests.',
    );
  };
}
