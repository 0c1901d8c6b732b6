// A Redis or Valkey server without persistence, on a free port of the loopback address.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { toolEnv } from '../../scripts/lib/steps.mjs';
import { freePort } from './ports.mjs';

const PROGRAMS = { redis: 'redis-server', valkey: 'valkey-server' };

/** The program that fixtures start: redis-server, or the one for `SLUICE_SERVER` (redis or valkey). */
export function serverProgram(name = process.env.SLUICE_SERVER || 'redis') {
  const program = PROGRAMS[name];
  if (!program) throw new Error(`no such server: ${name}; SLUICE_SERVER is redis or valkey`);
  return program;
}

/** The path of a program, first of those unpacked by scripts/setup.sh; undefined if there is none. */
export function findProgram(name) {
  for (const folder of toolEnv().PATH.split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here: try the next one.
    }
  }
  return undefined;
}

/** A test's `skip`: false if the program exists, else the reason. */
export function skipWithout(name) {
  const program = serverProgram(name);
  return findProgram(program) ? false : `${program} is not here; see scripts/setup.sh test`;
}

/**
 * The folder for the servers' files: in memory, if possible. Sentinels and nodes of clusters sync each change to
 * disk; if that takes two seconds, a sentinel does nothing for half a minute.
 */
function folderOfFiles() {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a server and resolves to it once it answers.
 *
 * - `port`: its port; default: a free one
 * - `server`: 'redis' or 'valkey'; default: `SLUICE_SERVER`
 * - `args`: more arguments, `['--maxmemory', '2mb']`; the last one of a name wins
 * - `tls`: the result of makeCertificates(): `port` then takes TLS alone
 * - `unixSocket: true`: it also listens on `socketPath`
 * - `password`: its password
 * - `env`: more of its environment; see stepped-clock.mjs
 * - `sentinel: true`: it is a sentinel
 * - `configFile(directory)`: returns a configuration file; the arguments override it
 * - `ready`: the text in its log that shows that it answers
 *
 * Throws if there is no such program (`code: 'ENOENT'`) or it ends at once.
 */
export async function startRedis({ port, server, ...options } = {}) {
  const program = serverProgram(server);
  const path = findProgram(program);
  if (!path) throw Object.assign(new Error(`${program} is not here`), { code: 'ENOENT' });
  // Another program may take the port after it was found free.
  for (let attempt = 1; ; attempt++) {
    const started = new RedisServer(path, port ?? (await freePort()), options);
    try {
      await started.restart();
      return started;
    } catch (error) {
      await started.stop();
      if (port !== undefined || attempt === 3) throw error;
    }
  }
}

class RedisServer {
  /** The server's own folder, removed when it stops. */
  directory = mkdtempSync(join(folderOfFiles(), 'sluice-redis-'));
  #path;
  #options;
  #process;
  #connection;

  constructor(path, port, options) {
    this.#path = path;
    this.port = port;
    this.#options = options;
    // Some tests destructure it.
    this.stop = this.stop.bind(this);
  }

  get url() {
    const { tls, password } = this.#options;
    const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    return `redis${tls ? 's' : ''}://${login}127.0.0.1:${this.port}`;
  }

  /** The credentials for another server's MIGRATE. */
  get login() {
    const { password } = this.#options;
    return password === undefined ? [] : ['AUTH', password];
  }

  get socketPath() {
    return this.#options.unixSocket ? join(this.directory, 'socket') : undefined;
  }

  get pid() {
    return this.#process?.pid;
  }

  /** Starts it again after kill(): on the same port, empty. */
  async restart() {
    const { env = {}, ready = 'Ready to accept connections' } = this.#options;
    const command = [this.#path, ...this.#arguments()];
    // A killed test leaves no server behind.
    const setpriv = process.platform === 'linux' && findProgram('setpriv');
    if (setpriv) command.unshift(setpriv, '--pdeathsig', 'KILL');
    const child = spawn(command[0], command.slice(1).map(String), {
      env: toolEnv(env),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    await new Promise((resolve, reject) => {
      let log = '';
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${this.#path} ended (${code}):\n${log}`)));
      child.stdout.setEncoding('utf8').on('data', (text) => {
        log += text;
        if (log.includes(ready)) resolve();
      });
    });
    child.stdout.removeAllListeners('data').resume();
  }

  /** SIGSTOP: it keeps its connections and does not answer. */
  freeze() {
    this.#process.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw() {
    this.#process.kill('SIGCONT');
  }

  /** SIGKILL; resolves when it has ended. Its data is lost. */
  async kill() {
    const child = this.#process;
    this.#connection?.disconnect();
    this.#connection = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Ends it for good, even if frozen. */
  async stop() {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Sends one command over the fixture's connection. Resolves to the reply, or rejects with an error reply. */
  async command(...command) {
    if (this.#connection?.status === 'end') this.#connection = undefined;
    this.#connection ??= this.connect();
    return this.#connection.call(...command.map(String));
  }

  /** A connection (ioredis) that fails at once instead of retrying. The caller disconnects it. */
  connect() {
    const { tls, password } = this.#options;
    return connect({
      port: this.port,
      ...(password === undefined ? {} : { password }),
      ...(tls ? { tls: tls.client } : {}),
    });
  }

  #arguments() {
    const { args = [], configFile, password, sentinel, tls } = this.#options;
    const all = configFile ? [configFile(this.directory)] : [];
    if (sentinel) all.push('--sentinel');
    all.push('--port', tls ? 0 : this.port, '--bind', '127.0.0.1', '--dir', this.directory);
    if (!sentinel) all.push('--save', '', '--appendonly', 'no');
    if (tls) {
      all.push('--tls-port', this.port, '--tls-cert-file', tls.cert, '--tls-key-file', tls.key);
      all.push('--tls-ca-cert-file', tls.ca, '--tls-auth-clients', tls.askClients ? 'yes' : 'no');
    }
    if (this.socketPath) all.push('--unixsocket', this.socketPath);
    if (password !== undefined) all.push('--requirepass', password);
    return [...all, ...args];
  }
}

/** A connection that fails instead of retrying. */
function connect(options) {
  const connection = new Redis({
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    ...options,
  });
  // The command that meets the error reports it.
  connection.on('error', () => {});
  return connection;
}

/** Polls `condition()` until it is true or resolves to true; after `seconds` throws an error that names `what`. */
export async function until(what, condition, seconds = 120) {
  const giveUp = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > giveUp) throw new Error(`not in ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
