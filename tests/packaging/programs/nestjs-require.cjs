// sluice/nestjs and NestJS, both by require.

require('reflect-metadata');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');

const packages = {
  common: require('@nestjs/common'),
  core: require('@nestjs/core'),
  microservices: require('@nestjs/microservices'),
  testing: require('@nestjs/testing'),
  platforms: { Express: ExpressAdapter, Fastify: FastifyAdapter },
  sluice: require('sluice'),
  nestjs: require('sluice/nestjs'),
  sluiceTesting: require('sluice/testing'),
};
import('./nestjs-features.mjs').then(({ checkFeatures }) => checkFeatures(packages));
