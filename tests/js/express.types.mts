// The types of 'sluice/express': code that must compile, and code that must not. types.test.mjs compiles it.

import express from 'express';
import { createLimiter, memory, redis, slidingLog, tokenBucket } from 'sluice';
import rateLimit, {
  type AugmentedRequest,
  clientIp,
  ipKeyGenerator,
  MemoryStore,
  rateLimit as named,
  type Options,
  type RateLimitInfo,
  type RateLimitOptions,
  type RateLimitRequestHandler,
  type Store,
} from 'sluice/express';
import { allowAll, denyAll } from 'sluice/testing';

const app = express();
const bucket = tokenBucket({ capacity: 1, every: '1s' });

app.use(rateLimit({ policies: bucket }), named({ policies: bucket, headers: false }));
app.use(rateLimit({ policies: bucket, store: redis('redis://localhost'), onStoreError: 'throw' }));
app.use(rateLimit({ policies: bucket, key: async (req) => req.ip ?? '', skip: () => false }));

app.get('/', (req, res) => {
  const info: RateLimitInfo | undefined = req.rateLimit;
  res.json(info?.remaining);
});

// The names of policies are inferred.
app.use(rateLimit({ policies: { burst: bucket }, cost: () => ({ burst: 3 }) }));
// @ts-expect-error: no policy 'brust'
app.use(rateLimit({ policies: { burst: bucket }, cost: () => ({ brust: 3 }) }));

const limiter = createLimiter({ policies: { burst: bucket, daily: bucket } });
app.use(
  rateLimit({
    limiter,
    handler: (_req, res, _next, decision) => {
      const policy: 'burst' | 'daily' = decision.policy;
      res.status(429).send(policy);
    },
  }),
);
// @ts-expect-error: no policy 'brust'
app.use(rateLimit({ limiter, cost: () => ({ brust: 3 }) }));
// @ts-expect-error: a limiter has its prefix already
app.use(rateLimit({ limiter, prefix: 'api' }));
// @ts-expect-error: no option 'hanlder'
app.use(rateLimit({ limiter, hanlder: () => {} }));
// @ts-expect-error: a key is a string
app.use(rateLimit({ limiter, key: () => 42 }));
// @ts-expect-error: a format that does not exist
app.use(rateLimit({ limiter, headers: 'draft-99' }));

// Cost, plan and limits: fixed, or by the request.
app.use(rateLimit({ limiter, cost: { burst: 2 }, limits: { daily: 7500 } }));
app.use(rateLimit({ limiter, cost: 2, limits: async () => ({ daily: 7500 }) }));
app.use(rateLimit({ limiter, limits: (req) => (req.ip ? { burst: 5 } : undefined) }));
// @ts-expect-error: no policy 'dayly'
app.use(rateLimit({ limiter, limits: { dayly: 7500 } }));
// @ts-expect-error: no policy 'dayly'
app.use(rateLimit({ limiter, limits: () => ({ dayly: 7500 }) }));
// @ts-expect-error: there are no plans
app.use(rateLimit({ limiter, plan: 'pro' }));

// Plans.
const plans = { free: { daily: bucket }, pro: { daily: bucket, burst: bucket } };
app.use(rateLimit({ plans, plan: 'free' }));
app.use(rateLimit({ plans, plan: async (req) => (req.secure ? 'pro' : 'free') }));
app.use(rateLimit({ plans, plan: 'pro', cost: { burst: 2 }, limits: () => ({ daily: 5 }) }));
app.use(rateLimit({ limiter: createLimiter({ plans }), plan: () => 'pro' }));
// @ts-expect-error: no plan 'por'
app.use(rateLimit({ plans, plan: 'por' }));
// @ts-expect-error: no plan 'por'
app.use(rateLimit({ plans, plan: () => 'por' }));
// @ts-expect-error: the plan is missing
app.use(rateLimit({ plans }));
// @ts-expect-error: the plan is missing
app.use(rateLimit({ limiter: createLimiter({ plans }) }));
// @ts-expect-error: either policies or plans
app.use(rateLimit({ plans, plan: 'pro', policies: bucket }));

// Keys of parts.
const byParts = {
  tenant: tokenBucket({ capacity: 9, every: '1s', by: 'tenant' }),
  user: slidingLog({ limit: 9, window: '1s', by: ['tenant', 'user'] }),
};
const key = (req: express.Request) => ({ tenant: req.hostname, user: req.ip ?? '' });
app.use(rateLimit({ policies: byParts, key }));
app.use(rateLimit({ policies: byParts, key: async (req) => key(req) }));
app.use(
  rateLimit({
    policies: byParts,
    shardBy: 'region',
    key: (req) => ({ ...key(req), region: 'r1' }),
  }),
);
app.use(rateLimit({ limiter: createLimiter({ policies: byParts }), key }));
// @ts-expect-error: an address has no parts
app.use(rateLimit({ policies: byParts }));
// @ts-expect-error: the region is missing
app.use(rateLimit({ policies: byParts, shardBy: 'region', key }));
// @ts-expect-error: the user is missing
app.use(rateLimit({ policies: byParts, key: (req) => ({ tenant: req.hostname }) }));
// @ts-expect-error: keys have parts
app.use(rateLimit({ policies: byParts, key: () => 'ann' }));
// @ts-expect-error: keys are strings
app.use(rateLimit({ limiter, key }));

app.use(rateLimit({ limiter: allowAll(), plan: 'pro' }), rateLimit({ limiter: denyAll() }));

export const options: RateLimitOptions = { policies: bucket, store: memory() };
app.use(rateLimit(options));

// The options of express-rate-limit.
const handler: RateLimitRequestHandler = rateLimit();
handler.resetKey('k');
const compat: Partial<Options> = { windowMs: 60_000, limit: async () => 5 };
app.use(rateLimit(compat), rateLimit({ limit: 5, validate: { trustProxy: false } }));
app.use(
  rateLimit({
    windowMs: 60_000,
    standardHeaders: 'draft-8',
    store: new MemoryStore(),
    keyGenerator: (req) => ipKeyGenerator(req.ip ?? '', 64),
    message: async () => ({ error: 'slow down' }),
    skipFailedRequests: true,
    requestWasSuccessful: (_req, res) => res.statusCode < 500,
    handler: (req, res, _next, options) => {
      const key: string = (req as AugmentedRequest).rateLimit.key;
      res.status(options.statusCode).send(key);
    },
  }),
);
// @ts-expect-error: a draft that does not exist
app.use(rateLimit({ limit: 5, standardHeaders: 'draft-99' }));
// @ts-expect-error: options of both kinds
app.use(rateLimit({ policies: bucket, windowMs: 60_000 }));
// @ts-expect-error: options of both kinds
app.use(rateLimit({ limit: 5, cost: 2 }));
// @ts-expect-error: a store that cannot count
const wrong: Store = { decrement() {}, resetKey() {} };
app.use(rateLimit({ store: wrong }));

// Refunds by response, under Sluice's policies.
app.use(rateLimit({ policies: { burst: bucket }, skipSuccessfulRequests: true }));
app.use(rateLimit({ limiter, key: clientIp, requestWasSuccessful: async () => true }));
// A missing key, and the decision of a request.
app.use(rateLimit({ policies: bucket, key: (req) => req.get('x-user'), keyFallback: 'ip' }));
app.use(rateLimit({ policies: bucket, onRequestError: 'allow' }));
// @ts-expect-error: a store's rule
app.use(rateLimit({ policies: bucket, onRequestError: 'local' }));
// @ts-expect-error: express-rate-limit has no such option
app.use(rateLimit({ windowMs: 1000, onRequestError: 'deny' }));
// @ts-expect-error: there is no such fallback
app.use(rateLimit({ policies: bucket, key: (req) => req.get('x-user'), keyFallback: 'user' }));
// @ts-expect-error: an address has no parts
app.use(rateLimit({ policies: byParts, key, keyFallback: 'ip' }));
app.use(rateLimit({ limiter, headers: ['draft-8', 'legacy'] }));
app.get('/free', async (req) => {
  if (req.rateLimit) await limiter.credit('k', 1, { of: req.rateLimit.decision as never });
});

// express-rate-limit's options over a store of Sluice.
app.use(rateLimit({ windowMs: 60_000, limit: 5, store: redis('redis://localhost'), prefix: 'p' }));
const overMemory: Partial<Options> = { limit: 5, store: memory() };
app.use(rateLimit(overMemory), rateLimit({ store: memory() }));
// @ts-expect-error: 'prefix' is a string
app.use(rateLimit({ limit: 5, store: memory(), prefix: 5 }));
// @ts-expect-error: a URL is not a store
app.use(rateLimit({ limit: 5, store: 'redis://localhost' }));
app.get('/decision', (req) => {
  // @ts-expect-error: express-rate-limit's options give no decision
  req.rateLimit?.decision.allowed;
});
