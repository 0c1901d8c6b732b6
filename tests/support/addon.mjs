// The addon itself, for tests of what it does with arguments that TypeScript would not pass.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** All that js/native.ts declares. `SLUICE_ADDON`: another build of it, such as one with sanitizers. */
export const native = process.env.SLUICE_ADDON
  ? require(process.env.SLUICE_ADDON)
  : createRequire(require.resolve('sluice'))('./native.js').native;

/** Numbers of each algorithm that can be used. */
export const NUMBERS = {
  tokenBucket: [5, 5, 1_000_000],
  gcra: [5, 5, 1_000_000],
  leakyBucket: [5, 5, 1_000_000, 0],
  fixedWindow: [5, 1_000_000, 0],
  slidingWindow: [5, 1_000_000],
  slidingLog: [5, 1_000_000],
  concurrency: [5, 1_000_000],
};

/** How a policy crosses; `change` replaces elements by their index. */
export function policyOf(name = 'default', algorithm = 'tokenBucket', change = {}) {
  const policy = [name, algorithm, NUMBERS[algorithm] ?? [], 0, false, true];
  for (const [i, value] of Object.entries(change)) policy[i] = value;
  return policy;
}

export const HOLDER = '0123456789abcdef0123456789abcdef';

/** An endpoint that nobody listens on. */
export function endpoint(change = {}) {
  return {
    host: '127.0.0.1',
    port: 1,
    path: '',
    user: '',
    password: '',
    passwordSource: undefined,
    database: 0,
    tls: undefined,
    ...change,
  };
}

/** Options of makeRedisLimiter. */
export function redisOptions(change = {}) {
  return {
    servers: { mode: 'single', servers: [endpoint()] },
    policies: [policyOf()],
    prefix: 'p',
    onStoreError: 3,
    localPolicies: [policyOf()],
    localShare: 1,
    deadlineUs: 1_000_000,
    denialCache: true,
    idScope: 'scope',
    plan: '',
    description: '',
    numbers: [],
    localStore: 'server p',
    maxKeys: 100,
    ...change,
  };
}

export function openStore(externalClock = false) {
  return native.openMemoryStore(undefined, 100, externalClock, 0);
}

export function memoryLimiter(policies = [policyOf()], store = openStore()) {
  return callsOf(native.makeMemoryLimiter(store, policies, 'p', 'scope', ''));
}

/** The addon's functions for one limiter over a memory store. */
export function callsOf(limiter) {
  const { memoryCheck, memoryPeek, memoryAct } = native;
  return {
    check: (...args) => memoryCheck(limiter.index, ...args),
    peek: (...args) => memoryPeek(limiter.index, ...args),
    act: (...args) => memoryAct(limiter.index, ...args),
  };
}

/** Leaves a call in the exchange. */
export function say(span = -1, which = 0, flags = 0, units = 1, second = 0) {
  const { exchange } = native;
  exchange.set([span, which, flags]);
  for (let i = 0; i < 16; i++) {
    exchange[3 + 2 * i] = units;
    exchange[4 + 2 * i] = second;
  }
}
