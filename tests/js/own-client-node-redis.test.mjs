// The tests of the API over Redis, through a client of node-redis.

// The runner gives each file a process, so nobody else sees this.
process.env.SLUICE_TRANSPORT = 'node-redis';
await import('./redis.test.mjs');
await import('./redis-api.test.mjs');
await import('./redis-faults.test.mjs');
await import('./denial-cache.test.mjs');
