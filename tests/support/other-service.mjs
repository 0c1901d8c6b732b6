// A process with a limiter of one policy, 'api', a fixed window of an hour. Says 'ready' once it has decided, and what it
// is warned of if `tell`.

import { subscribe } from 'node:diagnostics_channel';
import { createLimiter, fixedWindow, redis } from 'sluice';

const { prefix, limit, tell, ...servers } = JSON.parse(process.argv[2]);
// An idle limiter does not keep the process alive.
setInterval(() => {}, 60_000);
const warned = new Promise((resolve) => {
  subscribe(
    'sluice:warning',
    ({ warning, detail }) => warning === 'policy-clash' && resolve(detail),
  );
});
const limiter = createLimiter({
  policies: { api: fixedWindow({ limit, window: '1h' }) },
  store: redis(servers),
  prefix,
  onStoreError: 'throw',
  deadlineMs: 60_000,
});
await limiter.peek('k', { cost: 0 });
process.send('ready');
if (tell) process.send(await warned);
