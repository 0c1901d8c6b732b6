// Helpers for tests of the Express middleware: a server for one test, a client, a scripted limiter.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout } from 'node:timers/promises';
import express from 'express';

/**
 * Serves an Express app on a free port of the loopback until test `t` ends.
 * Errors that reach the end are answered 500 with their code and message, and kept in `errors`.
 */
export async function serve(t, configure, { makeApp = express, host = '127.0.0.1' } = {}) {
  const app = makeApp();
  const errors = [];
  configure(app);
  app.get('/', (_req, res) => res.send('hello'));
  app.use((error, _req, res, next) => {
    errors.push(error);
    if (res.headersSent) return next(error);
    res.status(500).json({ code: error.code, message: error.message });
  });
  app.set('env', 'test'); // Express prints what reaches its own error handler, except under this name.
  const server = app.listen(0, host);
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address();
  return {
    errors,
    port,
    send: (path = '/', options = {}) => send({ host, port, path, ...options }),
  };
}

/** One request on a connection of its own. */
export async function send({ body: sent, ...options }) {
  const request = http.request({ agent: false, ...options });
  request.end(sent);
  const [response] = await once(request, 'response');
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

/** A decision as a limiter of one policy, 'burst', would give it. */
export function decision(overrides = {}) {
  const binding = {
    policy: 'burst',
    allowed: true,
    limit: 20,
    remaining: 13,
    retryAfterMs: 0,
    resetAfterMs: 700,
    ...overrides,
  };
  return { policies: [binding], delayMs: 0, source: 'store', ...binding };
}

export const denial = (overrides = {}) =>
  decision({ allowed: false, remaining: 0, retryAfterMs: 1001, resetAfterMs: 2000, ...overrides });

/** A limiter with a fixed answer, for decisions that a real one rarely makes. Keeps its calls. */
export function scriptedLimiter(answer, { synchronous = true } = {}) {
  const asked = [];
  const ask = (key, options) => {
    asked.push({ key, ...options });
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return {
    asked,
    store: synchronous ? 'memory' : 'redis',
    policies: { burst: { algorithm: 'tokenBucket', limit: 20, windowMs: 2000 } },
    plans: {},
    checkSync: ask,
    check: async (key, options) => ask(key, options),
  };
}

/** Slots that count their releases, and fail at them if told to. */
export function scriptedHolder(failure) {
  const holder = {
    id: '0123456789abcdef0123456789abcdef',
    released: 0,
    async release() {
      holder.released++;
      if (failure !== undefined) throw failure;
      return true;
    },
    renew: async () => true,
  };
  return holder;
}

/** Resolves once `condition` holds, which may be async. Fails when that takes for ever. */
export async function until(condition) {
  for (let i = 0; !(await condition()); i++) {
    if (i === 10_000) throw new Error(`it never came true: ${condition}`);
    await setTimeout(2);
  }
}

/** Gives both ends of a connection time for pending events. */
export const settled = () => setTimeout(30);

/** Uncaught errors and rejections, until test `t` ends. */
export function collectUnhandled(t) {
  const unhandled = [];
  const collect = (reason) => unhandled.push(reason);
  process.on('unhandledRejection', collect);
  t.after(() => process.off('unhandledRejection', collect));
  return unhandled;
}
