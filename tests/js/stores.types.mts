// The types of the stores for others: each fits the library it is for. types.test.mjs compiles it.

import { ThrottlerModule, type ThrottlerStorage } from '@nestjs/throttler';
import { rateLimit, type Store } from 'express-rate-limit';
import { memory, redis } from 'sluice';
import { SluiceStore, type SluiceStoreOptions } from 'sluice/express-rate-limit';
import { SluiceThrottlerStorage, type ThrottlerRecord } from 'sluice/nestjs-throttler';

const options: SluiceStoreOptions = { store: redis('redis://localhost'), prefix: 'login' };
const store: Store = new SluiceStore(options);
rateLimit({ windowMs: 1000, limit: 1, store });
rateLimit({ store: new SluiceStore() });

const storage: ThrottlerStorage = new SluiceThrottlerStorage({ store: memory() });
ThrottlerModule.forRoot({ throttlers: [{ ttl: 1, limit: 1 }], storage });
const record: Promise<ThrottlerRecord> = storage.increment('k', 1, 1, 1, 'default');
void record;

// @ts-expect-error: 'allow' has no count to return
new SluiceStore({ onStoreError: 'allow' });
// @ts-expect-error: not one of the two
new SluiceThrottlerStorage({ algorithm: 'gcra' });
// @ts-expect-error: unknown option
new SluiceThrottlerStorage({ redis: 'redis://localhost' });
