// What compiles and what must not: the types of 'sluice/express'. Compiled by types.test.mjs.

import express from 'express';
import { createLimiter, memory, redis, tokenBucket } from 'sluice';
import rateLimit, {
  rateLimit as named,
  type RateLimitInfo,
  type RateLimitOptions,
} from 'sluice/express';

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
// @ts-expect-error: neither limiter nor policies
app.use(rateLimit({}));
// @ts-expect-error: a key is a string
app.use(rateLimit({ limiter, key: () => 42 }));
// @ts-expect-error: a format that does not exist
app.use(rateLimit({ limiter, headers: 'draft-99' }));

export const options: RateLimitOptions = { policies: bucket, store: memory() };
app.use(rateLimit(options));
