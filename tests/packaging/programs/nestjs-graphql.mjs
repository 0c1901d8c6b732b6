// sluice/nestjs under @nestjs/graphql with Apollo: queries over HTTP, and a subscription over a WebSocket.

import 'reflect-metadata';
import assert from 'node:assert/strict';
import { ApolloDriver } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Args, GraphQLModule, Query, Resolver, Subscription } from '@nestjs/graphql';
import { createClient } from 'graphql-ws';
import { tokenBucket } from 'sluice';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { WebSocket } from 'ws';

const warnings = [];
process.on('warning', (warning) => warnings.push(warning));

function onMethod(type, name, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name);
  for (const decorator of decorators) decorator(type.prototype, name, descriptor);
}

async function* twice(name) {
  yield { [name]: 'one' };
  yield { [name]: 'two' };
}

class Pages {
  home() {
    return 'hello';
  }
  echo(text) {
    return text;
  }
  open() {
    return twice('open');
  }
  limited() {
    return twice('limited');
  }
}
Resolver()(Pages);
const text = { nullable: false };
const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
onMethod(
  Pages,
  'home',
  Query(() => String, text),
);
Reflect.defineMetadata('design:paramtypes', [String], Pages.prototype, 'echo');
Args('text', { type: () => String })(Pages.prototype, 'echo', 0);
onMethod(
  Pages,
  'echo',
  Query(() => String, text),
  RateLimit({ policies: bucket(2) }),
);
onMethod(
  Pages,
  'open',
  Subscription(() => String, text),
);
const byToken = ({ req }) => req.connectionParams.token;
onMethod(
  Pages,
  'limited',
  Subscription(() => String, text),
  RateLimit({ policies: bucket(1), key: byToken }),
);

class AppModule {}
Module({
  imports: [
    SluiceModule.forRoot({ policies: { burst: bucket(2) }, guard: true }),
    GraphQLModule.forRoot({
      driver: ApolloDriver,
      autoSchemaFile: true,
      playground: false,
      subscriptions: { 'graphql-ws': true },
    }),
  ],
  providers: [Pages],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();

async function query(source) {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: source }),
  });
  return { headers: response.headers, ...(await response.json()) };
}

// The header fields reach the response, and a denied resolver is an error of the operation.
const first = await query('{ home }');
assert.deepEqual(first.data, { home: 'hello' });
assert.equal(first.headers.get('ratelimit-policy'), '"burst";q=2;w=3600');
assert.match(first.headers.get('ratelimit'), /^"burst";r=1;t=\d+$/);
// Both resolvers are charged, and each policy has one member.
const both = await query('{ home a: echo(text: "x") b: echo(text: "y") }');
assert.deepEqual({ ...both.data }, { home: 'hello', a: 'x', b: 'y' });
assert.match(both.headers.get('ratelimit'), /^"burst";r=0;t=\d+, "default";r=0;t=\d+$/);
const denied = await query('{ home }');
assert.equal(denied.data, null);
assert.match(denied.headers.get('retry-after'), /^\d+$/);
assert.match(JSON.stringify(denied.errors), /429|quota/i);

/** The values of a subscription, or its errors. */
async function subscribe(name, token) {
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: 0,
  });
  const values = [];
  try {
    for await (const { data, errors } of client.iterate({ query: `subscription { ${name} }` })) {
      values.push(errors === undefined ? data[name] : 'denied');
    }
  } catch {
    values.push('denied');
  }
  await client.dispose();
  return values;
}

// A subscription that no key identifies passes, with a warning; one with a key is limited.
assert.deepEqual(await subscribe('open', 't'), ['one', 'two']);
assert.deepEqual(await subscribe('limited', 't'), ['one', 'two']);
assert.deepEqual(await subscribe('limited', 't'), ['denied']);
assert.deepEqual(await subscribe('limited', 'u'), ['one', 'two']);
assert.deepEqual(
  warnings.filter(({ code }) => code?.startsWith('SLUICE')).map(({ code }) => code),
  ['SLUICE_NOT_LIMITED'],
);
await app.close();
