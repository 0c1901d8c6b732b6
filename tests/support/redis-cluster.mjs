// A Redis Cluster of the test's own: masters and replicas on free ports, failovers, and slots that move by steps.

import { freePort } from './ports.mjs';
import { startRedis, until } from './redis-server.mjs';

const SLOTS = 16384;
/**
 * After how long a silent node is taken for failed: while somebody waits for that, or for the nodes to agree, and else.
 * A node of a machine that is busy, or that a test freezes, is none.
 */
const QUICK_MS = 1000;
const PATIENT_MS = 60_000;

/**
 * Starts `masters` masters with `replicas` replicas each, and resolves once all of them agree on the slots. The rest as
 * of startRedis, for each node.
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
  // A replica takes over however old its copy is, and at once has the whole of it.
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
  // Everyone meets everyone: quicker than gossip.
  for (const node of nodes) {
    for (const { port, busPort } of nodes.slice(node.index + 1)) {
      await node.command('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    }
  }
}

class RedisCluster {
  /** All nodes, as started; first those that began as masters. Each with its `id`. */
  nodes;
  /** Those that were killed. */
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

  /** The slot of a key, its hash tag looked at. */
  slotOf(key) {
    return this.live[0].command('CLUSTER', 'KEYSLOT', key);
  }

  /** Who owns a slot, as `witness` (default: any live node) sees it; undefined if nobody does. */
  async ownerOf(slot, witness = this.live[0]) {
    const ranges = await witness.command('CLUSTER', 'SLOTS');
    const range = ranges.find(([first, last]) => slot >= first && slot <= last);
    return range && this.nodes.find(({ id }) => id === range[2][2]);
  }

  /** The nodes that own slots, as any live node sees it. */
  async masters() {
    const ranges = await this.live[0].command('CLUSTER', 'SLOTS');
    const ids = new Set(ranges.map(([, , master]) => master[2]));
    return this.nodes.filter(({ id }) => ids.has(id));
  }

  /** Resolves when every live node says that all is well, and they agree on the slots and on who follows whom. */
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

  /** Lets the nodes be quick to talk, to vote and to find each other silent while `wait` lasts. */
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

  /** A replica of `master`, in step with it. */
  async replicaOf(master) {
    for (const node of this.live) {
      const [role, , port] = await node.command('ROLE');
      if (role === 'slave' && Number(port) === master.port) return node;
    }
    throw new Error(`the master on port ${master.port} has no replica`);
  }

  /** A replica takes its master's place, and nothing that was written is lost. Resolves to the new master. */
  async failover(master) {
    const replica = await this.replicaOf(master);
    // The request is dropped silently where it comes at a bad moment, and given up after 5 s.
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

  /** Starts a killed node again, empty: it knows its place from its file, and is a replica if it was replaced. */
  async restart(node) {
    await node.restart();
    this.#dead.delete(node);
  }

  /** Resolves once the others elected this replica of a dead master. */
  promoted(replica) {
    return this.#quickly(() => until('the replica is elected', () => isMaster(replica)));
  }

  /**
   * Begins to move a slot and stops between the steps: `to` is IMPORTING and the owner MIGRATING. A key that is
   * not here is then ASKed for there. `moveKeys(count)` moves up to so many keys and resolves to how many it
   * moved; `finish()` moves the rest and gives the slot over.
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
        // The new owner first: else both would point at each other.
        for (const node of new Set([to, from, ...(await this.masters())])) {
          await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
        }
      },
    };
  }

  /**
   * Moves the slots one after the other to `to`, under whatever load there is. `between(migration)` is called when a
   * slot stands half-way, its keys not yet moved.
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

/** What CLUSTER NODES says of roles and slots, in one order for all. */
function readNodes(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([id, , flags, master, , , , , ...slots]) => ({
      id,
      // Without `myself`: it differs from view to view.
      flags: flags.split(',').filter((flag) => flag !== 'myself'),
      master,
      slots: slots.filter((range) => !range.startsWith('[')),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
