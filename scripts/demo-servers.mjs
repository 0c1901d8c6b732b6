// The demo's servers: the example API, once or several times, each a process of its own.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './lib/steps.mjs';

const program = join(root, 'examples', 'express-api', 'server.mjs');

const running = new Set();
process.on('exit', stopServers);

/** Ends the servers that still run. Those that are left end with this process. */
export function stopServers() {
  for (const child of running) child.kill();
}

/** Starts one and resolves to its URL when it listens. */
function startServer(env) {
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
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
      reject(new Error(`a server ended with ${signal ?? `exit code ${code}`} before it listened`));
    });
  });
}

/** Starts `count` servers on free ports, resolves to their URLs. Without `redisUrl` each limits in its own memory. */
export function startServers(count, redisUrl) {
  // A prefix of its own, so that an earlier demo on the same Redis does not count.
  const prefix = `sluice-demo-${process.pid}-${Date.now()}`;
  const env = { REDIS_URL: redisUrl ?? '', REDIS_PREFIX: prefix };
  return Promise.all(Array.from({ length: count }, () => startServer(env)));
}
