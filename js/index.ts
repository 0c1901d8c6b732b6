// The entry 'sluice'.

export { type ArgumentError, SluiceError } from './errors.js';
export type {
  BreakerEvent,
  DeniedEvent,
  FaultEvent,
  RedisFault,
  WarningEvent,
  WouldDenyEvent,
} from './events.js';
export { createLimiter } from './limiter.js';
export type {
  AnyLimiter,
  CheckOptions,
  CheckRequest,
  CreditOptions,
  Limiter,
  LimiterOptions,
  LimiterStats,
  PeekOptions,
  SyncLimiter,
  WaitOptions,
} from './limiter-types.js';
export { type MemoryOptions, type MemoryStore, memory } from './memory-store.js';
export {
  type ConcurrencyOptions,
  concurrency,
  type FixedWindowOptions,
  fixedWindow,
  type GcraOptions,
  gcra,
  type LeakyBucketOptions,
  leakyBucket,
  type SlidingOptions,
  slidingLog,
  slidingWindow,
  type TokenBucketOptions,
  tokenBucket,
} from './policies.js';
export type { RedisNodeStats, RedisStats, RedisWarning } from './redis-stats.js';
export {
  type IoredisClient,
  type NodeRedisClient,
  type PasswordFunction,
  type Pem,
  type RedisClient,
  type RedisClientOptions,
  type RedisOptions,
  type RedisStore,
  type RedisTlsOptions,
  redis,
} from './redis-store.js';
export type {
  Admission,
  AlgorithmName,
  Cost,
  Decision,
  Duration,
  Holder,
  Key,
  Limits,
  OnStoreError,
  Policy,
  PolicyDecision,
  PolicyOptions,
  Source,
} from './types.js';
