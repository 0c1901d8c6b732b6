// The entry 'sluice/nestjs-throttler': a storage for @nestjs/throttler.

export {
  SluiceThrottlerStorage,
  type SluiceThrottlerStorageOptions,
  type ThrottlerRecord,
} from './stores/nestjs-throttler.js';
