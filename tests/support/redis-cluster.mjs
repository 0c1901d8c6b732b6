// A Redis Cluster: masters and replicas on free ports, failovers, and step-by-step slot migration.

import { freePort } from './ports.mjs';
import { startRedis, until } from './redis-server.mjs';

const SLOTS = 16384;
/**
 * The time after which a silent node counts as failed: while a test waits for that or for agreement, and otherwise.
 * The long one keeps a frozen node, or a node of a busy machine, in the cluster.
 */
const QUICK_MS = 1000;
const PATIENT_MS = 60_000;

/**
 * Starts `masters` masters with `replicas` replicas each. Resolves once all of them agree on the slots. The other
 * options are startRedis's, for each node.
 */
export async function startCluster({ masters = 3, replicas = 0, args = [], ...options } = {}) {
  const nodes = [];
  try {
    for (let i = 0; i < masters * (1 + replicas); i++) {
      nodes.push(await startNode(i, args, options));
    }
    const cluster = new RedisCluster(nodes);
    await meet(nodes, masters);
    await cluster.settled();
    for (const [i, replica] of nodes.slice(masters).entries()) {
      await replica.command('CLUSTER', 'REPLICATE', nodes[i % masters].id);
    }
    for (const replica of nodes.slice(masters)) {
      await until('a replica is in step', async () => {
        const role = await replica.command('ROLE');
        return role[0] === 'slave' && role[3] === 'connected';
      });
    }
    await cluster.settled();
    return cluster;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

async function startNode(index, args, options) {
  const busPort = await freePort();
  const own = ['--cluster-enabled', 'yes', '--cluster-port', busPort];
  own.push('--cluster-config-file', 'nodes.conf', '--cluster-node-timeout', QUICK_MS);
  // A replica takes over however old its copy is, and copies the whole state at once.
  own.push('--cluster-replica-validity-factor', 0, '--repl-diskless-sync-delay', 0);
  if (options.tls) own.push('--tls-cluster', 'yes', '--tls-replication', 'yes');
  if (options.password !== undefined) own.push('--masterauth', options.password);
  const node = await startRedis({ ...options, args: [...own, ...args] });
  node.busPort = busPort;
  node.index = index;
  node.id = await node.command('CLUSTER', 'MYID');
  return node;
}

async function meet(nodes, masters) {
  for (const [i, node] of nodes.entries()) {
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    if (i < masters) {
      const [first, next] = [i, i + 1].map((n) => Math.floor((SLOTS * n) / masters));
      await node.command('CLUSTER', 'ADDSLOTSRANGE', first, next - 1);
    }
  }
  // Everyone meets everyone, which is quicker than gossip.
  for (const node of nodes) {
    for (const { port, busPort } of nodes.slice(node.index + 1)) {
      await node.command('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }
  }
}

class RedisCluster {
  /** All nodes as started, first the initial masters. Each has its `id`. */
  nodes;
  /** The killed nodes. */
  #dead = new Set();

  constructor(nodes) {
    this.nodes = nodes;
  }

  /** The nodes' addresses, for a store's `nodes`. */
  get urls() {
    return this.nodes.map(({ url }) => url);
  }

  get live() {
    return this.nodes.filter((node) => !this.#dead.has(node));
  }

  /** The slot of a key, by its hash tag. */
  slotOf(key) {
    return this.live[0].command('CLUSTER', 'KEYSLOT', key);
  }

  /** The owner of a slot, as `witness` (default: any live node) sees it; undefined if there is none. */
  async ownerOf(slot, witness = this.live[0]) {
    const ranges = await witness.command('CLUSTER', 'SLOTS');
    const range = ranges.find(([first, last]) => slot >= first && slot <= last);
    return range && this.nodes.find(({ id }) => id === range[2][2]);
  }

  /** The nodes with slots, as any live node sees it. */
  async masters() {
    const ranges = await this.live[0].command('CLUSTER', 'SLOTS');
    const ids = new Set(ranges.map(([, , master]) => master[2]));
    return this.nodes.filter(({ id }) => ids.has(id));
  }

  /** Resolves when every live node reports success, and all agree on the slots and on masters and replicas. */
  settled() {
    return this.#quickly(() => until('the cluster agrees', () => this.#agrees()));
  }

  async #agrees() {
    const ids = new Set(this.live.map(({ id }) => id));
    const views = new Set();
    for (const node of this.live) {
      const info = await node.command('CLUSTER', 'INFO');
      if (!info.includes('cluster_state:ok')) return false;
      const nodes = readNodes(await node.command('CLUSTER', 'NODES'));
      const view = nodes.filter(({ id }) => ids.has(id));
      if (view.length < ids.size) return false;
      views.add(JSON.stringify(view));
    }
    return views.size === 1;
  }

  /** Makes the nodes talk, vote and detect failures quickly while `wait` lasts. */
  async #quickly(wait) {
    const allow = (ms) =>
      Promise.all(
        this.live.map((node) => node.command('CONFIG', 'SET', 'cluster-node-timeout', ms)),
      );
    await allow(QUICK_MS);
    try {
      return await wait();
    } finally {
      await allow(PATIENT_MS);
    }
  }

  /** An up-to-date replica of `master`. */
  async replicaOf(master) {
    for (const node of this.live) {
      const [role, , port] = await node.command('ROLE');
      if (role === 'slave' && Number(port) === master.port) return node;
    }
    throw new Error(`the master on port ${master.port} has no replica`);
  }

  /** Promotes a replica without losing a write. Resolves to the new master. */
  async failover(master) {
    const replica = await this.replicaOf(master);
    // At a bad moment the request is dropped silently, or given up after 5 s.
    return this.#quickly(async () => {
      for (let attempt = 1; ; attempt++) {
        await replica.command('CLUSTER', 'FAILOVER');
        try {
          await until('the replica is master', () => isMaster(replica), 6);
          return replica;
        } catch (error) {
          if (attempt === 5) throw error;
        }
      }
    });
  }

  /** SIGKILL; see promoted(). */
  async kill(node) {
    this.#dead.add(node);
    await node.kill();
  }

  /** Starts a killed node again, empty. Its file has its place; if it was replaced, it becomes a replica. */
  async restart(node) {
    await node.restart();
    this.#dead.delete(node);
  }

  /** Resolves once the others have elected this replica of a dead master. */
  promoted(replica) {
    return this.#quickly(() => until('the replica is elected', () => isMaster(replica)));
  }

  /**
   * Begins to move a slot and stops half-way: `to` is IMPORTING and the owner MIGRATING. A key that is not here then
   * causes ASK. `moveKeys(count)` moves up to `count` keys and resolves to their number. `finish()` moves the rest
   * and hands over the slot.
   */
  async beginMigration(slot, to) {
    const from = await this.ownerOf(slot);
    if (from === to) throw new Error(`slot ${slot} is there already`);
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    return {
      slot,
      from,
      to,
      moveKeys: (count = 100) => moveKeys(slot, from, to, count),
      finish: async () => {
        while ((await moveKeys(slot, from, to, 100)) > 0);
        // The new owner first: otherwise both would redirect to each other.
        for (const node of new Set([to, from, ...(await this.masters())])) {
          await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
        }
      },
    };
  }

  /**
   * Moves the slots one after the other to `to`, under any load. Calls `between(migration)` when a slot is half-way,
   * before its keys have moved.
   */
  async reshard(slots, to, between = async () => {}) {
    for (const slot of slots) {
      if ((await this.ownerOf(slot)) === to) continue;
      const migration = await this.beginMigration(slot, to);
      await between(migration);
      await migration.finish();
    }
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

async function moveKeys(slot, from, to, count) {
  const keys = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, count);
  if (keys.length > 0) {
    const where = ['127.0.0.1', to.port, '', 0, 5000, 'REPLACE'];
    await from.command('MIGRATE', ...where, ...to.login, 'KEYS', ...keys);
  }
  return keys.length;
}

async function isMaster(node) {
  return (await node.command('ROLE'))[0] === 'master';
}

/** The roles and slots in the reply of CLUSTER NODES, sorted. */
function readNodes(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([id, , flags, master, , , , , ...slots]) => ({
      id,
      // Without `myself`, which differs from view to view.
      flags: flags.split(',').filter((flag) => flag !== 'myself'),
      master,
      slots: slots.filter((range) => !range.startsWith('[')),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
