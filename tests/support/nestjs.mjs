// Helpers for tests of the NestJS module: decorators without a compiler, and an application for one test.

import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SluiceModule } from 'sluice/nestjs';
import { send } from './express.mjs';

export const platforms = {
  Express: () => new ExpressAdapter(),
  Fastify: () => new FastifyAdapter(),
};

/** Applies a decorator to a method. */
export function onMethod(type, name, ...decorators) {
  for (const decorator of decorators) {
    decorator(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name));
  }
}

/**
 * A controller class whose GET handlers answer their own names. `handlers` are lists of decorators by the
 * handler's name, which is its path too.
 */
export function controller(handlers, { name = 'Pages', path = '', decorators = [] } = {}) {
  const type = { [name]: class {} }[name];
  for (const [handler, handlerDecorators] of Object.entries(handlers)) {
    const method = { [handler]: () => handler }[handler];
    Object.defineProperty(type.prototype, handler, { value: method, configurable: true });
    onMethod(type, handler, Get(handler), ...handlerDecorators);
  }
  for (const decorator of [Controller(path), ...decorators]) decorator(type);
  return type;
}

/** Makes a handler of `controller` do something else than answer its name. */
export function handlerOf(type, name, handle) {
  const method = type.prototype[name];
  const { [name]: other } = { [name]: handle };
  for (const key of Reflect.getMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), other);
  }
  Object.defineProperty(type.prototype, name, { value: other, configurable: true });
}

/** A root module. */
export function rootModule(imports, { controllers = [], providers = [] } = {}) {
  class AppModule {}
  Module({ imports, controllers, providers })(AppModule);
  return AppModule;
}

/**
 * Starts an application on a free port of the loopback until test `t` ends. `options` are forRoot's, or a
 * list of modules; the rest is the root module's.
 */
export async function start(t, adapter, options, { configure = () => {}, ...rest } = {}) {
  const imports = Array.isArray(options) ? options : [SluiceModule.forRoot(options)];
  const root = rootModule(imports, rest);
  const app = await NestFactory.create(root, adapter(), { logger: false, abortOnError: false });
  configure(app);
  await app.listen(0, '127.0.0.1');
  const server = app.getHttpServer();
  t.after(async () => {
    server.closeAllConnections?.(); // HTTP/2's has none.
    await app.close();
  });
  const { port } = server.address();
  return { app, port, send: (path, extra) => send({ host: '127.0.0.1', port, path, ...extra }) };
}

/** Starts an application without a server until test `t` ends. */
export async function startContext(t, root) {
  const options = { logger: false, abortOnError: false };
  const app = await NestFactory.createApplicationContext(root, options);
  t.after(() => app.close());
  return app;
}

/** A class with one method for each name; `handlers` are its decorators. */
export function handlersClass(name, handlers, handle = (_name, data) => data ?? 'none') {
  const type = { [name]: class {} }[name];
  for (const [method, decorators] of Object.entries(handlers)) {
    const { [method]: value } = { [method]: (data) => handle(method, data) };
    Object.defineProperty(type.prototype, method, { value, configurable: true });
    onMethod(type, method, ...decorators);
  }
  return type;
}

/** Starts an application with a global guard. Returns what calls a handler as the packages of GraphQL and of queues do. */
export async function startExternal(t, options, handlers, providers = []) {
  const Jobs = handlersClass('Jobs', handlers, () => 'done');
  const module = SluiceModule.forRoot({ global: true, ...options });
  const { app } = await start(t, platforms.Express, [module], { providers: [Jobs, ...providers] });
  const jobs = app.get(Jobs);
  const creator = app.get(ExternalContextCreator);
  return (name, type, ...args) => {
    const unused = new Array(5);
    const rest = type === undefined ? [] : [...unused, type];
    return creator.create(jobs, jobs[name], name, ...rest)(...args);
  };
}

/** The statuses of one request after the other. */
export async function statuses(send, ...paths) {
  const found = [];
  for (const path of paths) found.push((await send(path)).status);
  return found;
}
