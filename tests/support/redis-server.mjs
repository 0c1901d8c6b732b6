// A Redis of the test's or bench's own, on a free port of the loopback address, that keeps nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { toolEnv } from '../../scripts/lib/steps.mjs';

/**
 * Starts a server, on `port` if given; resolves to `{ port, url, pid, stop }` once it answers. `stop()` ends it
 * and waits for that. Throws when there is no redis-server.
 */
export async function startRedis({ port } = {}) {
  if (port !== undefined) return startOn(port);
  // Between finding a free port and using it another process may take it.
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(await freePort());
    } catch (error) {
      if (attempt === 3 || error.code === 'ENOENT') throw error;
    }
  }
}

async function startOn(port) {
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', [...args, '--dir', tmpdir()].map(String), {
    env: toolEnv(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => server.kill('SIGKILL');
  process.on('exit', kill);
  await new Promise((resolve, reject) => {
    let log = '';
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`redis-server ended (${code}):\n${log}`)));
    server.stdout.setEncoding('utf8').on('data', (text) => {
      log += text;
      if (log.includes('Ready to accept connections')) resolve();
    });
  });
  server.removeAllListeners('exit');
  server.stdout.removeAllListeners('data').resume();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: server.pid,
    async stop() {
      process.off('exit', kill);
      if (server.exitCode !== null) return;
      const exited = once(server, 'exit');
      server.kill('SIGTERM');
      await exited;
    },
  };
}

/** A port that nothing listens on at this moment. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
