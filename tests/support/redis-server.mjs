// A Redis or Valkey of the test's or bench's own, on a free port of the loopback address, that keeps nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { toolEnv } from '../../scripts/lib/steps.mjs';
import { freePort } from './ports.mjs';

const PROGRAMS = { redis: 'redis-server', valkey: 'valkey-server' };

/** The program that fixtures start: redis-server, or what `SLUICE_SERVER` (redis or valkey) names. */
export function serverProgram(name = process.env.SLUICE_SERVER || 'redis') {
  const program = PROGRAMS[name];
  if (!program) throw new Error(`no such server: ${name}; SLUICE_SERVER is redis or valkey`);
  return program;
}

/** Where a program is, those that scripts/setup.sh unpacked first; undefined if it is nowhere. */
export function findProgram(name) {
  for (const folder of toolEnv().PATH.split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}

/** For a test's `skip`: false if there is such a server, else why the test cannot run. */
export function skipWithout(name) {
  const program = serverProgram(name);
  return findProgram(program) ? false : `${program} is not here; see scripts/setup.sh test`;
}

/**
 * Where servers keep their files: in memory, if there is such a folder. Sentinels and nodes of clusters wait for the
 * disk at each change; where that takes two seconds, a sentinel does nothing for half a minute.
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
 * - `port`: that one; default: a free one
 * - `server`: 'redis' or 'valkey'; default: as `SLUICE_SERVER` says
 * - `args`: more of its arguments, `['--maxmemory', '2mb']`; the last one of a name wins
 * - `tls`: as makeCertificates() gives it: `port` then takes TLS alone
 * - `unixSocket: true`: it listens there too (`socketPath`)
 * - `password`: it asks for this one
 * - `env`: more of its environment; see stepped-clock.mjs
 * - `sentinel: true`: it is a sentinel
 * - `configFile(directory)`: names a configuration file; the arguments count as if they stood at its end
 * - `ready`: what its log says once it answers
 *
 * Throws when there is no such program (`code: 'ENOENT'`) or it ends at once.
 */
export async function startRedis({ port, server, ...options } = {}) {
  const program = serverProgram(server);
  const path = findProgram(program);
  if (!path) throw Object.assign(new Error(`${program} is not here`), { code: 'ENOENT' });
  // What is not of these tests may take a port between its being found free and its use.
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
  /** A folder of the server's own, gone when it is stopped. */
  directory = mkdtempSync(join(folderOfFiles(), 'sluice-redis-'));
  #path;
  #options;
  #process;
  #connection;

  constructor(path, port, options) {
    this.#path = path;
    this.port = port;
    this.#options = options;
    // Destructured by some tests.
    this.stop = this.stop.bind(this);
  }

  get url() {
    const { tls, password } = this.#options;
    const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    return `redis${tls ? 's' : ''}://${login}127.0.0.1:${this.port}`;
  }

  /** What another server's MIGRATE says to be let in. */
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

  /** Starts it again, on the same port, empty, after kill(). */
  async restart() {
    const { env = {}, ready = 'Ready to accept connections' } = this.#options;
    const command = [this.#path, ...this.#arguments()];
    // A test that is killed leaves no server behind.
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

  /** SIGKILL; resolves when it is gone. What it held is lost. */
  async kill() {
    const child = this.#process;
    this.#connection?.disconnect();
    this.#connection = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Ends it for good, frozen or not. */
  async stop() {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Sends one command over a connection of the fixture; resolves to the reply, rejects with an error reply. */
  async command(...command) {
    if (this.#connection?.status === 'end') this.#connection = undefined;
    this.#connection ??= this.connect();
    return this.#connection.call(...command.map(String));
  }

  /** A client's connection (ioredis) that gives up at once instead of trying again. To be disconnected by who asks. */
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

/** A connection that gives up instead of trying again. */
function connect(options) {
  const connection = new Redis({
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    ...options,
  });
  // The command that meets it tells of it.
  connection.on('error', () => {});
  return connection;
}

/** Resolves once `condition()` is true (or resolves to that), asking anew every few ms; else throws, naming it. */
export async function until(what, condition, seconds = 120) {
  const giveUp = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > giveUp) throw new Error(`not in ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
