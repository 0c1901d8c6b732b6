// The entry 'sluice/express-rate-limit': a store for express-rate-limit.

export {
  type ClientHits,
  SluiceStore,
  type SluiceStoreOptions,
} from './stores/express-rate-limit.js';
