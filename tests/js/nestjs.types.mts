// The types of 'sluice/nestjs': code that must compile, and code that must not. nestjs-docs.test.mjs compiles it.

import type { Request, Response } from 'express';
import { createLimiter, memory, tokenBucket } from 'sluice';
import {
  InjectLimiter,
  RateLimit,
  type RateLimitOptions,
  SkipRateLimit,
  type SluiceFactoryOptions,
  SluiceGuard,
  SluiceModule,
  type SluiceModuleOptions,
  type SluiceOptionsFactory,
} from 'sluice/nestjs';

const policies = tokenBucket({ capacity: 1, every: '1s' });
const limiter = createLimiter({ policies: { burst: policies } });
interface Settings {
  capacity: number;
}

SluiceModule.forRoot({
  policies,
  store: memory(),
  global: true,
  key: (request) => request.ip ?? '',
});
SluiceModule.forRoot({ policies, key: (request: Request) => request.hostname });
SluiceModule.forRoot({
  policies,
  guard: true,
  isGlobal: false,
  skip: async (request, context) => request.ip === undefined && context.getType() === 'http',
  handler: (_request, _context, { retryAfterMs }) => {
    throw new Error(`${retryAfterMs}`);
  },
});
class Settings1 implements SluiceOptionsFactory {
  createSluiceOptions(): SluiceFactoryOptions {
    return { policies };
  }
}
SluiceModule.forRootAsync({ useClass: Settings1, guard: true, isGlobal: false });
SluiceModule.forRootAsync({ useExisting: 'TOKEN' });
SluiceModule.forRootAsync({ useExisting: Settings1 });
// @ts-expect-error: makes no options
SluiceModule.forRootAsync({ useClass: class {} });
// @ts-expect-error: Nest has to know it before the options are made
const placed: SluiceFactoryOptions = { policies, guard: true };
void placed;
SluiceModule.forRoot({ limiters: { a: limiter, b: { policies, prefix: 'b' } } });
SluiceModule.forRootAsync({ useFactory: async () => ({ policies }), names: ['default'] });
SluiceModule.forRootAsync({
  useFactory: (settings: Settings) => ({ policies, cost: settings.capacity }),
  inject: ['SETTINGS'],
});
// @ts-expect-error: no option 'policys'
SluiceModule.forRoot({ policys: policies });
// @ts-expect-error: a key is a string
SluiceModule.forRoot({ policies, key: () => 42 });
// @ts-expect-error: a format that does not exist
SluiceModule.forRoot({ policies, headers: 'draft-99' });
// @ts-expect-error: a limiter is made of policies
SluiceModule.forRoot({ limiters: { a: { prefix: 'a' } } });

const plans = { free: policies, pro: policies };
const byTenant = tokenBucket({ capacity: 1, every: '1s', by: 'tenant' });
SluiceModule.forRoot({ plans, plan: (request) => String(request.headers['x-plan']) });
SluiceModule.forRoot({ plans, plan: 'pro', limits: { default: 5 } });
SluiceModule.forRoot({
  policies,
  limits: async (request: Request) => ({ default: request.url.length }),
});
SluiceModule.forRoot({
  policies: byTenant,
  shardBy: 'region',
  key: () => ({ tenant: 't', region: 'r' }),
});
SluiceModule.forRoot({
  limiters: { a: createLimiter({ plans }), b: { plans }, c: createLimiter({ policies: byTenant }) },
});
// @ts-expect-error: a plan has a name
SluiceModule.forRoot({ plans, plan: () => 5 });
// @ts-expect-error: limits are numbers
SluiceModule.forRoot({ policies, limits: { default: '5' } });

SluiceModule.forRoot({
  policies,
  key: async (request) => request.headers['x-user']?.toString(),
  keyFallback: 'ip',
  skipFailedRequests: true,
  skipSuccessfulRequests: false,
  requestWasSuccessful: async (request, context) =>
    request.ip !== undefined && context.switchToHttp().getResponse<Response>().statusCode < 500,
});
SluiceModule.forRootAsync({
  useFactory: () => ({
    policies,
    key: () => undefined,
    keyFallback: 'ip',
    skipFailedRequests: true,
  }),
});
// @ts-expect-error: 'ip' is the only fallback
SluiceModule.forRoot({ policies, key: () => 'k', keyFallback: 'user' });
SluiceModule.forRoot({ policies, onRequestError: 'throw' });
RateLimit({ onRequestError: 'allow' });
// @ts-expect-error: a store's rule
RateLimit({ onRequestError: 'local' });
// @ts-expect-error: true or false
SluiceModule.forRoot({ policies, skipFailedRequests: 'yes' });
// @ts-expect-error: success is true or false
SluiceModule.forRoot({ policies, requestWasSuccessful: () => 200 });

export const options: SluiceModuleOptions = { policies };
export const decoration: RateLimitOptions<Request> = { key: async (request) => request.hostname };

@RateLimit({ limiter: 'a' })
export class Pages {
  @InjectLimiter() readonly limiter!: typeof limiter;

  @RateLimit({ policies, cost: (request: Request) => request.url.length })
  a() {}

  @SkipRateLimit()
  b() {}

  @RateLimit({ plan: 'pro', limits: () => undefined, key: () => ({ tenant: 't1' }) })
  d() {}

  @RateLimit({
    policies,
    key: (request: Request) => request.get('x-user'),
    keyFallback: 'ip',
    skipSuccessfulRequests: true,
    requestWasSuccessful: (request: Request) => request.res?.statusCode === 200,
  })
  e() {}

  // @ts-expect-error: true or false
  @RateLimit({ skipSuccessfulRequests: 1 })
  f() {}

  // @ts-expect-error: no option 'limitr'
  @RateLimit({ limitr: 'a' })
  c() {}
}

export class HostGuard extends SluiceGuard {
  protected override async getKey(request: Request) {
    return request.hostname;
  }
}
