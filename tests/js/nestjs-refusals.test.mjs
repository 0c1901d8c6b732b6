// Refusals of the NestJS module: forRoot, forRootAsync, @RateLimit, and applications that do not start.

import { NestFactory } from '@nestjs/core';
import { createLimiter, SluiceError, tokenBucket } from 'sluice';
import { RateLimit, SkipRateLimit, SluiceModule } from 'sluice/nestjs';
import { controller, platforms, rootModule } from '../support/nestjs.mjs';
import { plans, tenantPolicies } from '../support/plans.mjs';
import { refuse } from '../support/refusals.mjs';

const bucket = (capacity) => tokenBucket({ capacity, every: '1h' });
const one = { policies: bucket(1) };
const flat = { policies: { daily: bucket(1) } };
const limiter = createLimiter(one);
const withPlans = createLimiter({ plans });
const root = (options) => SluiceModule.forRoot(options);
const useFactory = () => one;
const made = (options) => root({ limiters: { a: options } });
const anAsync = (factory, rest) => SluiceModule.forRootAsync({ useFactory: factory, ...rest });

async function startWith(module, controllers) {
  const options = { logger: false, abortOnError: false };
  const app = await NestFactory.create(
    rootModule([module], { controllers }),
    platforms.Express(),
    options,
  );
  return app.init();
}
/** Starts an application of `module` with a controller `Pages`: its handler `a` has these decorators. */
const start = (module, ...decorators) => startWith(module, [controller({ a: decorators })]);
const twins = () =>
  ['one', 'two'].map((path) => controller({ a: [RateLimit({ policies: bucket(1) })] }, { path }));
const burst = { policies: { burst: bucket(1) } };

refuse(TypeError, 'ERR_SLUICE_OPTIONS', [
  [() => root(undefined), /forRoot/],
  [() => root({ ...one, limiters: {} }), /forRoot/],
  [() => root({ limiters: [limiter] }), /forRoot/],
  [() => made({ check: 1 }), /limiters\.a/],
  [() => root({ ...one, key: 'ip' }), /forRoot/],
  [() => root({ ...one, headers: true }), /forRoot/],
  [() => root({ ...one, global: 'yes' }), /forRoot/],
  [() => root({ plans, ...flat }), /plans/],
  [() => root({ plans, limiters: {} }), /forRoot\.plans/],
  [() => root({ plans: [] }), /plans/],
  [() => root({ ...flat, limits: 5 }), /forRoot\.limits.*got 5/],
  [() => SluiceModule.forRootAsync({}), /forRootAsync/],
  [() => anAsync(useFactory, { names: 'jobs' }), /forRootAsync/],
  [() => RateLimit(undefined), /@RateLimit/],
  [() => RateLimit({ key: undefined }), /@RateLimit/],
  [() => RateLimit({ limiter }), /@RateLimit/],
  [() => RateLimit({ limiter: 'a', ...one }), /@RateLimit/],
  [() => RateLimit({ key: 'ip' }), /@RateLimit/],
  [() => RateLimit({ ...one, plan: 'pro' }), /^@RateLimit\./],
  [() => RateLimit({ limits: '5' }), /^@RateLimit\./],
  [
    async () => start(root(burst), RateLimit({ cost: 2 }), SkipRateLimit()),
    /@SkipRateLimit of Pages\.a/,
  ],
  [async () => start(anAsync(async () => undefined)), /useFactory/],
  [async () => start(root({ ...one, prefix: '' })), /prefix/],
]);

refuse(RangeError, 'ERR_SLUICE_OPTIONS', [
  [() => root({ plans: {} }), /^forRoot: plans must be given at least one plan; got \{\}$/],
  [() => root({ ...one, retryAfterJitter: 2 }), /forRoot/],
  [async () => start(root({ ...flat, shardBy: 'tenant' })), /shardBy/],
]);

refuse(TypeError, 'ERR_SLUICE_UNKNOWN_OPTION', [
  [() => root({ policys: bucket(1) }), /'policies'/],
  [() => made({ ...one, stor: 1 }), /limiters\.a has no option 'stor'.*'store'/],
  [() => anAsync(useFactory, { injekt: [] }), /'inject'/],
  [() => RateLimit({ limitr: 'a' }), /'limiter'/],
  [
    async () => start(root(burst), RateLimit({ cost: { brust: 1 } })),
    /Pages\.a.*Did you mean 'burst'/,
  ],
  [
    async () => start(anAsync(() => ({ ...one, global: true }))),
    /useFactory has no option 'global'/,
  ],
  [
    async () => start(root({ ...flat, limits: { dayly: 1 } })),
    /^the limits of Pages\.a: unknown policy 'dayly'/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_POLICY', [
  [() => root({}), /forRoot/],
  [() => root({ policies: { burst: 5 } }), /forRoot/],
  [() => made({ prefix: 'a' }), /policies/],
  [() => RateLimit({ policies: 5 }), /@RateLimit/],
]);

refuse(RangeError, 'ERR_SLUICE_POLICY', [[() => root({ plans: { free: {} } }), /plans\.free/]]);

refuse(TypeError, 'ERR_SLUICE_COST', [
  [() => root({ ...one, cost: '1' }), /forRoot/],
  [() => RateLimit({ cost: null }), /@RateLimit/],
]);

refuse(RangeError, 'ERR_SLUICE_COST', [
  [async () => start(root(burst), RateLimit({ cost: 0.5 })), /Pages\.a/],
]);

refuse(RangeError, 'ERR_SLUICE_LIMITS', [
  [
    async () => start(root(flat), RateLimit({ limits: { daily: -1 } })),
    /^the limits of Pages\.a\.daily .*got -1/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_PLAN', [
  [() => root({ plans, plan: 5 }), /forRoot\.plan.*got 5/],
  [() => RateLimit({ plan: null }), /^@RateLimit\./],
  [async () => start(root({ ...flat, plan: 'pro' })), /left out/],
]);

refuse(RangeError, 'ERR_SLUICE_PLAN', [
  [async () => start(root({ plans, global: true })), /^the plan of Pages\.a must be one of/],
  [
    async () => start(root({ limiters: { default: withPlans }, global: true })),
    /^the plan of Pages\.a/,
  ],
  [
    async () => start(root({ plans, plan: 'por' })),
    /^the plan of Pages\.a .*'free', 'pro'.*got 'por'/,
  ],
  [
    async () => start(root({ plans, plan: 'pro' }), RateLimit({ plan: 'por' })),
    /^the plan of Pages\.a .*got 'por'/,
  ],
]);

refuse(TypeError, 'ERR_SLUICE_KEY', [
  [
    async () => start(root({ policies: tenantPolicies(), global: true })),
    /^the key of Pages\.a must be a function/,
  ],
]);

refuse(RangeError, 'ERR_SLUICE_LIMITER', [
  [
    async () => start(root(burst), RateLimit({ limiter: 'serach' })),
    /@RateLimit\.limiter of Pages\.a must be one of the module's limiters: 'default'; got 'serach'/,
  ],
  [async () => start(root({ limiters: {} }), RateLimit({ cost: 2 })), /it has none/],
  [async () => start(anAsync(useFactory, { names: ['jobs'] })), /'default'; got 'jobs'/],
]);

refuse(SluiceError, 'ERR_SLUICE_HANDLER_CLASH', [
  [async () => startWith(root(burst), twins()), /'Pages\.a'.*@RateLimit\(\{ name \}\)/],
]);
