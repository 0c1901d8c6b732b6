// One handler behind a guard, under each framework: for tests of what the guards share.

import { HttpException, StreamableFile } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
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

/** Answers as the error handler of `serve`, and keeps the errors. */
class Filter extends BaseExceptionFilter {
  errors = [];

  catch(error, host) {
    if (error instanceof HttpException) return super.catch(error, host);
    this.errors.push(error);
    const { code, message } = error;
    return host.switchToHttp().getResponse().status(500).send({ code, message });
  }
}

function onNest(adapter) {
  return async (t, { limiter, ...options }, handle) => {
    const Pages = controller({ page: [] });
    handlerOf(Pages, 'page', async () => {
      const body = await handle();
      return typeof body === 'string' ? body : new StreamableFile(body);
    });
    const source = limiter === undefined ? {} : { limiters: { default: limiter } };
    let errors;
    const configure = (app) => {
      const filter = new Filter(app.getHttpAdapter());
      app.useGlobalFilters(filter);
      errors = filter.errors;
    };
    const root = { controllers: [Pages], configure };
    const server = await start(t, adapter, { ...options, ...source, global: true }, root);
    return { ...server, errors };
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
 * or a stream. Resolves to the `port`, `send(headers)`, and the `errors`: each is answered 500 with code and message.
 */
export const frameworks = Object.entries(FRAMEWORKS).map(([name, serve]) => [
  name,
  async (t, options, handle = () => 'hello') => {
    const { port, send, errors } = await serve(t, options, handle);
    return { port, errors, send: (headers = {}) => send('/page', { headers }) };
  },
]);
