// Options are own properties: properties of Object.prototype are not options.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, memory, redis, tokenBucket } from 'sluice';
import { rateLimit } from 'sluice/express';
import { RateLimit, SluiceModule } from 'sluice/nestjs';
import { denyAll, manualClock } from 'sluice/testing';
import { everyAlgorithm } from '../support/makers.mjs';
import { controller, rootModule, startContext } from '../support/nestjs.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { url } = (await useRedis()).server;

/** Every option, with a value that would change a result or be refused. */
const inherited = {
  // of a call
  cost: 0,
  limits: { default: 1 },
  plan: 'pro',
  id: 'the same',
  maxWaitMs: 0,
  signal: AbortSignal.abort(),
  of: {},
  orThrow: true,
  // of a limiter
  plans: { pro: {} },
  policies: tokenBucket({ capacity: 1, every: '1h' }),
  store: memory(),
  prefix: 5,
  onStoreError: 'deny',
  localShare: 5,
  deadlineMs: -1,
  denialCache: 'no',
  shardBy: 'tenant',
  // of policies
  refill: -1,
  burst: -1,
  mode: 'shape',
  align: 'none',
  blockFor: '1h',
  chargeDenied: true,
  enforce: false,
  by: 'tenant',
  // of stores
  name: 5,
  maxKeys: -1,
  clock: manualClock(),
  retryAfterMs: -1,
  nodes: ['redis://h'],
  cluster: true,
  sentinels: ['redis://h'],
  master: 'm',
  sentinelUsername: 'u',
  sentinelPassword: 'p',
  username: 'nobody',
  password: 'wrong',
  database: 7,
  tls: {},
  client: {},
  // of middleware
  limiter: {},
  limiters: {},
  skip: () => true,
  handler: () => {},
  headers: false,
  retryAfterJitter: 5,
  slotRetryAfter: -1,
  onRequestError: 'pass',
  global: true,
};

/** Runs `act` while all objects inherit the option. */
async function inheriting(name, act) {
  Object.defineProperty(Object.prototype, name, {
    configurable: true,
    enumerable: true,
    writable: true,
    value: inherited[name],
  });
  try {
    return await act();
  } finally {
    delete Object.prototype[name];
  }
}

const shown = ({ allowed, policies, holder, source }) => [
  allowed,
  source,
  holder !== undefined,
  ...policies.map((said) => [said.policy, said.limit, said.remaining, said.retryAfterMs > 0]),
];

const policies = () => everyAlgorithm(9, '1d');

/** The results of a limiter, call by call. */
async function answers(limiter) {
  const results = [];
  const first = await limiter.check('k', {});
  results.push(shown(first), shown(await limiter.check('k', { cost: 2 })));
  results.push(shown(await limiter.check('k')));
  results.push(await first.holder.renew(), await first.holder.release());
  results.push(shown(await limiter.wait('k', {})));
  results.push(shown(await limiter.peek('k', { cost: 0 })));
  const [many] = await limiter.checkMany([{ key: 'k' }]);
  results.push(shown(many));
  await limiter.debit('k', { tokenBucket: 1 }, {});
  await limiter.credit('k', { fixedWindow: 1 }, {});
  await limiter.credit('k', 1, { of: first });
  results.push(shown(await limiter.peek('k', { cost: 0 })));
  await limiter.block('other', '1h');
  results.push(shown(await limiter.check('other', {})));
  await limiter.unblock('other');
  results.push(shown(await limiter.check('other', {})));
  await limiter.reset('k');
  results.push(shown(await limiter.peek('k', { cost: 0 })));
  return results;
}

const scenarios = {
  'a limiter in memory': async () => {
    const limiter = createLimiter({ policies: policies(), store: memory({}) });
    return answers(limiter);
  },
  'a limiter over Redis': async (name) => {
    const limiter = createLimiter({
      policies: policies(),
      store: redis(name === 'plain' ? url : { url }),
      prefix: `own-${name}`,
      deadlineMs: 60_000,
    });
    const results = await answers(limiter);
    await limiter.close();
    return results;
  },
  'a plan': async () => {
    const { fixedWindow: fixed, slidingLog: log } = policies();
    const limiter = createLimiter({ plans: { free: { fixed }, pro: { fixed, log } } });
    const decision = await limiter.check('k', { plan: 'free' });
    return [shown(decision), shown(await limiter.check('k', { plan: 'pro' }))];
  },
  'a stub limiter': async () => shown(denyAll({}).checkSync('k')),
  'Express middleware': async () => {
    const { fixedWindow: fixed } = policies();
    const use = rateLimit({ policies: { fixed }, key: () => 'k' });
    const fields = new Map();
    const req = { headers: {}, socket: {}, app: { get: () => undefined } };
    const res = {
      headersSent: false,
      getHeader: (field) => fields.get(field),
      setHeader: (field, value) => fields.set(field, value),
      removeHeader: (field) => fields.delete(field),
    };
    const passed = await new Promise((resolve) => use(req, res, resolve));
    const given = [String(passed?.message), fields.get('RateLimit-Policy')];
    return [...given, fields.get('RateLimit')?.replace(/t=\d+/, 't'), req.rateLimit?.used];
  },
  "NestJS options and decorators' options": async () => {
    const { fixedWindow: fixed } = policies();
    const module = SluiceModule.forRoot({ policies: { fixed } });
    const asynchronous = SluiceModule.forRootAsync({ useFactory: () => ({ policies: fixed }) });
    RateLimit({ policies: { fixed } });
    return [module.providers.length, module.exports.length, asynchronous.providers.length];
  },
};

for (const [what, act] of Object.entries(scenarios)) {
  test(`${what} takes no option from Object.prototype`, async () => {
    const expected = await act('plain');
    for (const name of Object.keys(inherited)) {
      const results = await inheriting(name, () => act(name)).catch((error) => error);
      assert.deepEqual(results, expected, `Object.prototype.${name}: ${results}`);
    }
  });
}

test('a NestJS application takes no option from Object.prototype', async (t) => {
  const { fixedWindow: fixed } = policies();
  const handlers = { a: [], b: [RateLimit({ policies: { fixed } })] };
  const root = rootModule([SluiceModule.forRoot({ policies: { fixed }, global: true })], {
    controllers: [controller(handlers)],
  });
  for (const name of ['cost', 'limits', 'plan', 'plans', 'skip', 'limiter', 'shardBy']) {
    await inheriting(name, () => startContext(t, root));
  }
});
