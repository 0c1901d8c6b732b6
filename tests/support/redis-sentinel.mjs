// A master, its replicas and their sentinels, on free ports.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis, until } from './redis-server.mjs';

/**
 * The time after which a silent server counts as failed: while a test waits for that, and otherwise. The long one
 * keeps a server of a busy machine in service.
 */
const QUICK_MS = 500;
const PATIENT_MS = 60_000;
/** A failover much above its time limit has been given up, which happens on a busy machine. */
const LIMIT_MS = 5000;
const GIVEN_UP_MS = 3 * LIMIT_MS;

/**
 * Resolves once every sentinel knows the master, its replicas and the other sentinels. `sentinelPassword` is for the
 * sentinels. The other options are startRedis's, for master and replicas.
 */
export async function startSentinel({
  name = 'limits',
  replicas = 1,
  sentinels = 3,
  sentinelPassword,
  ...options
} = {}) {
  const group = new SentinelGroup(name);
  try {
    await group.start({ replicas, sentinels, sentinelPassword, options });
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

class SentinelGroup {
  /** Master and replicas, as started. */
  servers = [];
  sentinels = [];

  constructor(name) {
    /** The sentinels' name for the master. */
    this.name = name;
  }

  async start({ replicas, sentinels, sentinelPassword, options }) {
    const { password, tls, args = [] } = options;
    const login = password === undefined ? [] : ['--masterauth', password];
    for (let i = 0; i <= replicas; i++) {
      const of = i === 0 ? [] : ['--replicaof', `127.0.0.1 ${this.servers[0].port}`];
      const own = ['--repl-diskless-sync-delay', 0, ...login, ...of, ...overTls(tls)];
      this.servers.push(await startRedis({ ...options, args: [...own, ...args] }));
    }
    const { port } = this.servers[0];
    const quorum = Math.floor(sentinels / 2) + 1;
    const lines = [
      `sentinel monitor ${this.name} 127.0.0.1 ${port} ${quorum}`,
      `sentinel down-after-milliseconds ${this.name} ${PATIENT_MS}`,
      `sentinel failover-timeout ${this.name} ${LIMIT_MS}`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${this.name} ${password}`]),
      ...(sentinelPassword === undefined ? [] : [`sentinel sentinel-pass ${sentinelPassword}`]),
    ];
    for (let i = 0; i < sentinels; i++) {
      this.sentinels.push(await startOne(options, lines, sentinelPassword));
    }
    await until('the sentinels know each other', async () => {
      for (const sentinel of this.sentinels) {
        const [, ...fields] = (await sentinel.command('SENTINEL', 'MASTERS'))[0] ?? [];
        const value = (field) => fields[fields.indexOf(field) + 1];
        if (Number(value('num-slaves')) !== replicas) return false;
        if (Number(value('num-other-sentinels')) !== sentinels - 1) return false;
      }
      return true;
    });
  }

  /** The sentinels' addresses, for a store's `sentinels`. */
  get urls() {
    return this.sentinels.map(({ url }) => url);
  }

  /** The master, as a sentinel names it now. */
  async master(sentinel = this.sentinels[0]) {
    const [, port] = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name);
    return this.servers.find((server) => server.port === Number(port));
  }

  /** Makes a sentinel promote a replica. Resolves to the new master when all sentinels name it. */
  async failover() {
    const old = await this.master();
    let again = 0;
    return this.switched(old, async () => {
      if (performance.now() < again || (await this.master()) !== old) return;
      await this.sentinels[0].command('SENTINEL', 'FAILOVER', this.name).then(
        () => {
          again = performance.now() + GIVEN_UP_MS;
        },
        () => {}, // NOGOODSLAVE, INPROG
      );
    });
  }

  /**
   * Resolves to the new master once every sentinel names a server other than `old`, and it takes writes. Calls
   * `press()` again and again until then.
   */
  async switched(old, press = async () => {}) {
    let now;
    await this.#allow(QUICK_MS);
    await until('the sentinels name another master', async () => {
      await press();
      const named = new Set();
      for (const sentinel of this.sentinels) named.add(await this.master(sentinel));
      [now] = named;
      return named.size === 1 && now !== old && (await now.command('ROLE'))[0] === 'master';
    });
    await this.#allow(PATIENT_MS);
    return now;
  }

  /** Sets the time for which a server may be silent. */
  #allow(ms) {
    return Promise.all(
      this.sentinels.map((sentinel) =>
        sentinel.command('SENTINEL', 'SET', this.name, 'down-after-milliseconds', ms),
      ),
    );
  }

  /** Makes a returned old master a replica; the sentinels alone would take 8 s for it. */
  async rejoin(old) {
    const { port } = await this.master();
    await old.command('REPLICAOF', '127.0.0.1', port);
    await until('it is in step', async () => {
      const [role, , of, state] = await old.command('ROLE');
      return role === 'slave' && Number(of) === port && state === 'connected';
    });
  }

  async stop() {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }
}

/** With TLS, servers and sentinels also use it for each other. */
const overTls = (tls) => (tls ? ['--tls-replication', 'yes'] : []);

function startOne({ server, tls }, lines, password) {
  return startRedis({
    server,
    tls,
    args: overTls(tls),
    // A sentinel saves its state in its file.
    configFile: (directory) => {
      const file = join(directory, 'sentinel.conf');
      writeFileSync(file, `${lines.join('\n')}\n`);
      return file;
    },
    sentinel: true,
    ready: '+monitor master',
    ...(password === undefined ? {} : { password }),
  });
}
