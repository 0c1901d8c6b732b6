// sluice/nestjs and NestJS, both by import.

import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as microservices from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import * as testing from '@nestjs/testing';
import * as sluice from 'sluice';
import * as nestjs from 'sluice/nestjs';
import * as sluiceTesting from 'sluice/testing';
import { checkFeatures } from './nestjs-features.mjs';

const platforms = { Express: ExpressAdapter, Fastify: FastifyAdapter };
await checkFeatures({
  common,
  core,
  microservices,
  testing,
  platforms,
  sluice,
  nestjs,
  sluiceTesting,
});
