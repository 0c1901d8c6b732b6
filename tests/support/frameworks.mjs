// One handler behind a guard, under each framework: for tests of what the guards share.

import { StreamableFile } from '@nestjs/common';
import express5 from 'express';
import express4 from 'express4';
import { rateLimit } from 'sluice/express';
import { serve } from './express.mjs';
import { controller, handlerOf, platforms, start } from './nestjs.mjs';

function onExpress(makeApp) {
  return (t, options, handle) => {
    const configure = (app) =>
      app.get('/page', rateLimit(options), async (_request, response, next) => {
        try {
          const body = await handle();
          if (typeof body === 'string') response.send(body);
          else body.pipe(response);
        } catch (error) {
          next(error);
        }
      });
    return serve(t, configure, { makeApp });
  };
}

function onNest(adapter) {
  return (t, { limiter, ...options }, handle) => {
    const Pages = controller({ page: [] });
    handlerOf(Pages, 'page', async () => {
      const body = await handle();
      return typeof body === 'string' ? body : new StreamableFile(body);
    });
    const source = limiter === undefined ? {} : { limiters: { default: limiter } };
    const controllers = [Pages];
    return start(t, adapter, { ...options, ...source, global: true }, { controllers });
  };
}

const FRAMEWORKS = {
  'Express 5': onExpress(express5),
  'Express 4': onExpress(express4),
  'NestJS on Express': onNest(platforms.Express),
  'NestJS on Fastify': onNest(platforms.Fastify),
};

/**
 * Each framework's name, and its function `guarded(t, options, handle)`. It serves '/page' until test `t` ends, behind
 * a guard with the options of `rateLimit`; their functions may read `request.headers`. `handle` gives the body: a text
 * or a stream. Resolves to the `port` and `send(headers)`.
 */
export const frameworks = Object.entries(FRAMEWORKS).map(([name, serve]) => [
  name,
  async (t, options, handle = () => 'hello') => {
    const { port, send } = await serve(t, options, handle);
    return { port, send: (headers = {}) => send('/page', { headers }) };
  },
]);
