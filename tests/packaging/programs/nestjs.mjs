// sluice/nestjs, on any runtime.

import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { tokenBucket } from 'sluice';
import { SluiceModule } from 'sluice/nestjs';

class Pages {
  home() {
    return 'hello';
  }
}
const { prototype } = Pages;
Controller()(Pages);
Get()(prototype, 'home', Object.getOwnPropertyDescriptor(prototype, 'home'));

class AppModule {}
const policies = tokenBucket({ capacity: 2, every: '1h' });
Module({
  imports: [SluiceModule.forRoot({ policies, global: true })],
  controllers: [Pages],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const statuses = [];
for (let i = 0; i < 3; i += 1) {
  const response = await fetch(await app.getUrl());
  await response.text();
  statuses.push(response.status);
}
assert.deepEqual(statuses, [200, 200, 429]);
await app.close();
