// The entry 'sluice/nestjs': limiters as a NestJS module, a guard and decorators.

export {
  getLimiterToken,
  InjectLimiter,
  RateLimit,
  SkipRateLimit,
} from './nestjs/decorators.js';
export { RateLimitException } from './nestjs/denial.js';
export { SluiceGuard } from './nestjs/guard.js';
export { SluiceModule } from './nestjs/module.js';
export type {
  KeyFunction,
  NamedLimiterOptions,
  NestRequest,
  RateLimitOptions,
  SluiceFactoryOptions,
  SluiceModuleAsyncOptions,
  SluiceModuleOptions,
  SluiceOptionsFactory,
} from './nestjs/options.js';
