// The entry 'sluice'.

export { type ArgumentError, SluiceError } from './errors.js';
export {
  type CheckOptions,
  type CheckRequest,
  createLimiter,
  type Limiter,
  type LimiterOptions,
  type LimiterStats,
  type SyncLimiter,
} from './limiter.js';
export {
  type GcraOptions,
  gcra,
  type LeakyBucketOptions,
  leakyBucket,
  type TokenBucketOptions,
  tokenBucket,
} from './policies.js';
export {
  type MemoryOptions,
  type MemoryStore,
  memory,
  type RedisOptions,
  type RedisStore,
  redis,
} from './stores.js';
export type {
  Cost,
  Decision,
  Duration,
  OnStoreError,
  Policy,
  PolicyDecision,
  Source,
} from './types.js';
