// A process with a limiter over Redis, that does what its parent says.

import { concurrency, createLimiter, gcra, redis } from 'sluice';

const { url, policy, prefix } = JSON.parse(process.argv[2]);
const [algorithm, numbers] = policy;
const limiter = createLimiter({
  policies: { concurrency, gcra }[algorithm](numbers),
  store: redis(url),
  prefix,
  onStoreError: 'throw',
  denialCache: false,
  deadlineMs: 60_000,
});
let holder;
let waiting;
let controller;

process.on('message', async ([verb, ...what]) => {
  if (verb === 'holder') process.send(await holder[what[0]]());
  else if (verb === 'begin') {
    controller = new AbortController();
    waiting = limiter.wait(what[0], { signal: controller.signal }).catch((error) => error.name);
    process.send('begun');
  } else if (verb === 'abort') {
    controller.abort();
    process.send(await waiting);
  } else {
    const decision = await limiter[verb](...what);
    holder = decision.holder ?? holder;
    process.send(decision.toJSON());
  }
});
await limiter.peek('connects', { cost: 0 });
process.send('ready');
