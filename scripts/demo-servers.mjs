// The demo's servers: one or more processes of the example API.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DemoError } from './demo-error.mjs';
import { root } from './lib/steps.mjs';

const guard = new URL('./demo-server-guard.mjs', import.meta.url).href;
const program = join(root, 'examples', 'express', 'server.mjs');
const running = new Set();

/** Ends the servers. They also end by themselves when this process does. */
export function stopServers() {
  for (const child of running) child.kill();
}

/** Starts a server and resolves to its URL when it listens. */
function startServer(env) {
  const child = spawn(process.execPath, ['--import', guard, program], {
    env: { ...process.env, ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  running.add(child);
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
      const url = printed.match(/listening on (\S+)\n/)?.[1];
      if (url) resolve(url);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      running.delete(child);
      const end = signal ?? `exit code ${code}`;
      reject(new DemoError(`a server ended with ${end} before it listened`));
    });
  });
}

/** Starts `count` servers on free ports and resolves to their URLs. Without `redisUrl` each limits in its own memory. */
export function startServers(count, redisUrl) {
  // A new prefix, so that an earlier demo on the same Redis does not count.
  const prefix = `sluice-demo-${process.pid}-${Date.now()}`;
  const env = { REDIS_URL: redisUrl ?? '', REDIS_PREFIX: prefix };
  return Promise.all(Array.from({ length: count }, () => startServer(env)));
}
