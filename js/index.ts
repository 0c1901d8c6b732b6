// The entry 'sluice'.

export { createLimiter, type LimiterOptions } from './create-limiter.js';
export type { OnRequestError, RequestOption, RequestWarningEvent } from './http/request-failure.js';
export { duration } from './limiter/duration.js';
export { type ArgumentError, SluiceError } from './limiter/errors.js';
export type { DeniedEvent, WouldDenyEvent } from './limiter/events.js';
export { type MemoryOptions, type MemoryStore, memory } from './limiter/memory-store.js';
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
} from './limiter/policies.js';
export type { LimiterStats, RedisNodeStats, RedisStats, RedisWarning } from './limiter/stats.js';
export type {
  Admission,
  AlgorithmName,
  AnyLimiter,
  CheckOptions,
  CheckRequest,
  Cost,
  CreditOptions,
  Decision,
  Duration,
  Holder,
  Key,
  Limiter,
  Limits,
  OnStoreError,
  PeekOptions,
  Policy,
  PolicyDecision,
  PolicyOptions,
  ReadyOptions,
  RedisFault,
  Reservation,
  ReservationClosed,
  ReservationHandle,
  ReserveOptions,
  Settlement,
  Source,
  SyncLimiter,
  WaitOptions,
} from './limiter/types.js';
export type { BreakerEvent, FaultEvent, WarningEvent } from './redis/events.js';
export type { IoredisClient, NodeRedisClient, RedisClient } from './redis/external-client.js';
export type { RedisClientOptions, RedisOptions } from './redis/options.js';
export type { PasswordFunction } from './redis/passwords.js';
export { type RedisStore, redis } from './redis/store.js';
export type { Pem, RedisTlsOptions } from './redis/tls.js';
