// The fault table's rows about a cluster: failing masters and moving slots.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { away, forgetful, harmless } from './bounds.mjs';
import { crowd } from './load.mjs';
import { now } from './record.mjs';
import { clustered } from './set-ups.mjs';

/** Keys on every node. */
const KEYS = 6;
const keyOf = (random) => `key${Math.floor(KEYS * random())}`;

/** Moves the slots of the load's keys to and fro, and stops each half-way for a while. */
async function moveSlots({ fixture: { cluster }, random, full }) {
  const masters = await cluster.masters();
  for (let moved = 0; moved < (full ? 30 : 8); moved++) {
    const slot = await cluster.slotOf(keyOf(random));
    const owner = await cluster.ownerOf(slot);
    const others = masters.filter((node) => node !== owner);
    const to = others[Math.floor(others.length * random())];
    await cluster.reshard([slot], to, async (migration) => {
      await sleep(50 * random());
      // The keys of one check may then be on two nodes.
      await migration.moveKeys(1 + Math.floor(2 * random()));
      // Sometimes longer than a check waits.
      await sleep(random() < 0.25 ? 400 : 100 * random());
    });
    await sleep(50 * random());
  }
}

/** The numbers of the load's keys that a node has. */
async function keysOf(cluster, node) {
  const numbers = [];
  for (let i = 0; i < KEYS; i++) {
    if ((await cluster.ownerOf(await cluster.slotOf(`key${i}`))) === node) numbers.push(i);
  }
  return numbers;
}

/** One node hangs and goes on; records its keys and the times. */
async function hang({ fixture: { cluster }, random, full, run }) {
  const node = await cluster.ownerOf(await cluster.slotOf(keyOf(random)));
  const keys = await keysOf(cluster, node);
  const hung = { address: `127.0.0.1:${node.port}`, keys, from: now() };
  node.freeze();
  await sleep(full ? 5000 : 1500);
  hung.to = now();
  node.thaw();
  run.hangs = [...(run.hangs ?? []), hung];
}

/** The store decides the other nodes' keys all the while. Reports whether the backlog delays later checks. */
function onlyItsOwn({ workers, run }) {
  const checks = workers.flatMap((worker) => worker.checks);
  const reasons = workers.flatMap((worker) => Object.entries(worker.reasons));
  const told = run.hangs.map(({ address, keys, from, to }) => {
    const meets = ({ start, end }) => start <= to && end >= from;
    const others = checks.filter((check) => !keys.includes(check.key) && meets(check));
    assert.ok(others.length > 0);
    const said = reasons
      .filter(([reason]) => !reason.includes(address))
      .map(([reason, times]) => [reason, times.filter((time) => time >= from && time <= to).length])
      .filter(([, count]) => count > 0);
    const lost = others.filter(({ byStore }) => !byStore).length;
    assert.equal(lost, 0, `another node's keys go by the rule: ${JSON.stringify(said)}`);
    const own = checks.filter(({ key, start }) => keys.includes(key) && start > to);
    const back = Math.min(...own.filter(({ byStore }) => byStore).map(({ end }) => end)) - to;
    // No other fault begins so soon.
    const next = own.filter(({ start }) => start < to + 300).map(({ start, end }) => end - start);
    return `${back.toFixed(0)} ms and ${Math.max(...next).toFixed(0)} ms`;
  });
  return `decided by it again after, and the longest check from then on: ${told.join('; ')}`;
}

export const rows = [
  {
    name: 'cluster: one node of three hangs',
    // So soon no node marks it as failed, and no node refuses all keys because of it.
    setUp: clustered(),
    fault: hang,
    load: { keys: KEYS, ...crowd },
    bound: away,
    verify: onlyItsOwn,
  },
  {
    name: 'cluster: a master killed, a replica elected',
    setUp: clustered({ replicas: 1 }),
    async fault({ fixture: { cluster }, random, run }) {
      const master = await cluster.ownerOf(await cluster.slotOf(keyOf(random)));
      const replica = await cluster.replicaOf(master);
      await cluster.kill(master);
      await cluster.promoted(replica);
      // Writes that had not reached the replica are lost.
      run.losses = (run.losses ?? 0) + 1;
      await cluster.restart(master);
      await cluster.settled();
    },
    load: { keys: KEYS },
    bound: forgetful,
  },
  {
    name: 'cluster: a replica takes over in good order',
    setUp: clustered({ replicas: 1 }),
    async fault({ fixture: { cluster }, random }) {
      const master = await cluster.ownerOf(await cluster.slotOf(keyOf(random)));
      await cluster.failover(master);
      await cluster.settled();
    },
    load: { keys: KEYS },
    bound: away,
  },
  {
    name: 'cluster: slots move, one policy',
    setUp: clustered(),
    fault: moveSlots,
    load: { keys: KEYS, processes: 4 },
    unseen: true,
    bound: harmless,
  },
  {
    name: 'cluster: slots move, three policies',
    setUp: clustered(),
    fault: moveSlots,
    load: {
      keys: KEYS,
      processes: 4,
      looser: [
        { capacity: 400, refill: 200, every: '1s' },
        { capacity: 10_000, refill: 10_000, every: '1m' },
      ],
    },
    bound: away,
  },
];
