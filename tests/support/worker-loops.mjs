// Loops that keep a worker in one kind of call of the addon, and a parent that ends them at random moments.
//
//   node worker-loops.mjs KIND WORKERS SEED REDIS_URL
//
// ends with exit code 0 and the line "ended N" unless the process crashes. An addon that throws where JavaScript can
// no longer run aborts the process: the test that starts this one sees a signal.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { seededRandom } from './random.mjs';

/** Gives the event loop a turn, so that answers arrive and the parent's messages are read. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A loop that does not wait: `call` again and again. */
const busy = (call) => {
  for (;;) call();
};

/** Checks that are always in flight. */
const inFlight = (limiter) => {
  const again = (i) => limiter.check(`k${i}`).then(() => again(i));
  for (let i = 0; i < 100; i++) again(i);
};

const bucket = ({ tokenBucket }) => tokenBucket({ capacity: 1000, every: '1h' });

/** By the name of a kind of call: a loop of it. `ready` says to the parent that the loop begins. */
export const LOOPS = {
  async 'start-up'() {
    parentPort.postMessage('ready');
    await import('sluice');
    busy(() => {});
  },
  async checkSync(sluice, ready) {
    const limiter = sluice.createLimiter({ policies: bucket(sluice), store: sluice.memory() });
    ready();
    busy(() => limiter.checkSync('k'));
  },
  async 'checkSync with several keys'(sluice, ready) {
    const { memory, tokenBucket } = sluice;
    const policy = (by) => tokenBucket({ capacity: 1e6, every: '1h', by });
    const policies = { a: policy('user'), b: policy(['user', 'tenant']), c: policy([]) };
    const limiter = sluice.createLimiter({ policies, store: memory() });
    ready();
    busy(() => limiter.checkSync({ user: 'u', tenant: 't' }));
  },
  async 'stats in memory'(sluice, ready) {
    const limiter = sluice.createLimiter({ policies: bucket(sluice), store: sluice.memory() });
    ready();
    busy(() => limiter.stats());
  },
  async 'stats of Redis'(sluice, ready, url) {
    const limiter = sluice.createLimiter({ policies: bucket(sluice), store: sluice.redis(url) });
    await limiter.check('k');
    ready();
    busy(() => limiter.stats());
  },
  async 'redis(url)'(sluice, ready, url) {
    ready();
    busy(() => sluice.redis(url));
  },
  async 'redis({ tls, password })'(sluice, ready, url) {
    const secure = url.replace('redis:', 'rediss:');
    const tls = { rejectUnauthorized: false };
    ready();
    busy(() => sluice.redis({ url: secure, tls, password: () => 'secret' }));
  },
  async tokenBucket(sluice, ready) {
    ready();
    busy(() => bucket(sluice));
  },
  async 'createLimiter in memory'(sluice, ready) {
    const policies = { a: bucket(sluice), b: sluice.slidingLog({ limit: 5, window: '1h' }) };
    ready();
    busy(() => sluice.createLimiter({ policies, store: sluice.memory({ maxKeys: 1 }) }));
  },
  async 'createLimiter over Redis'(sluice, ready, url) {
    const policies = { a: bucket(sluice), b: sluice.concurrency({ limit: 5, ttl: '1h' }) };
    const store = sluice.redis(url);
    ready();
    for (;;) await sluice.createLimiter({ policies, store }).close();
  },
  async 'check over Redis'(sluice, ready, url) {
    inFlight(sluice.createLimiter({ policies: bucket(sluice), store: sluice.redis(url) }));
    ready();
    for (;;) await turn();
  },
  async 'check while no server answers'(sluice, ready, url) {
    const store = sluice.redis({ url: url.replace(/:\d+$/, ':1'), password: () => 'secret' });
    inFlight(sluice.createLimiter({ policies: bucket(sluice), store }));
    ready();
    for (;;) await turn();
  },
  async 'check through ioredis'(sluice, ready, url) {
    const { Redis } = await import('ioredis');
    const client = new Redis(url);
    inFlight(sluice.createLimiter({ policies: bucket(sluice), store: sluice.redis({ client }) }));
    ready();
    for (;;) await turn();
  },
  async 'check through node-redis'(sluice, ready, url) {
    const { createClient } = await import('redis');
    const client = createClient({ url });
    await client.connect();
    inFlight(sluice.createLimiter({ policies: bucket(sluice), store: sluice.redis({ client }) }));
    ready();
    for (;;) await turn();
  },
};

/** As many at a time as keep two processors busy. */
const AT_ONCE = 4;
/** A worker ends at most so long after its loop began, in ms; one that starts up, after it was made. */
const LONGEST = 8;

async function endOne(kind, random, url) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { kind, url }, execArgv: [] });
  const ended = once(worker, 'exit');
  await Promise.race([once(worker, 'message'), ended]);
  const after = random() * (kind === 'start-up' ? 5 * LONGEST : LONGEST);
  await new Promise((resolve) => setTimeout(resolve, after));
  await worker.terminate();
  await ended;
}

async function endMany(kind, workers, seed, url) {
  const random = seededRandom(seed);
  let begun = 0;
  const one = async () => {
    while (begun++ < workers) await endOne(kind, random, url);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  console.log(`ended ${workers}`);
}

if (!isMainThread && workerData?.kind) {
  const { kind, url } = workerData;
  const run = LOOPS[kind];
  if (kind === 'start-up') await run();
  else await run(await import('sluice'), () => parentPort.postMessage('ready'), url);
} else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind, workers, seed, url] = process.argv.slice(2);
  await endMany(kind, Number(workers), Number(seed), url);
}
