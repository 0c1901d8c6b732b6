// The fixtures' cluster and sentinels: what a test may ask of them happens.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCertificates } from '../../support/certificates.mjs';
import { startCluster } from '../../support/redis-cluster.mjs';
import { startSentinel } from '../../support/redis-sentinel.mjs';
import { skipWithout } from '../../support/redis-server.mjs';

for (const server of ['redis', 'valkey']) {
  test(`${server}: a slot stands half-way, then elsewhere; failovers keep what was written`, {
    skip: skipWithout(server),
  }, async () => {
    const cluster = await startCluster({ server, replicas: 1 });
    try {
      const masters = await cluster.masters();
      assert.equal(masters.length, 3);
      const slot = await cluster.slotOf('{u}:here');
      const from = await cluster.ownerOf(slot);
      const to = masters.find((node) => node !== from);
      for (const key of ['{u}:here', '{u}:moves']) await from.command('SET', key, 'v');

      const migration = await cluster.beginMigration(slot, to);
      assert.equal(await from.command('GET', '{u}:here'), 'v');
      const asked = { message: `ASK ${slot} 127.0.0.1:${to.port}` };
      await assert.rejects(from.command('GET', '{u}:new'), asked);
      assert.equal(await migration.moveKeys(1), 1);
      await assert.rejects(to.command('MGET', '{u}:here', '{u}:moves'), / MOVED /);
      await assert.rejects(from.command('MGET', '{u}:here', '{u}:moves'), / TRYAGAIN /);
      await migration.finish();
      assert.equal(await cluster.ownerOf(slot), to);
      assert.deepEqual(await to.command('MGET', '{u}:here', '{u}:moves'), ['v', 'v']);
      await assert.rejects(from.command('GET', '{u}:here'), / MOVED /);
      await cluster.settled();

      const next = await cluster.failover(to);
      assert.notEqual(next, to);
      assert.equal(await next.command('GET', '{u}:here'), 'v');
      await cluster.settled();

      const heir = await cluster.replicaOf(next);
      await cluster.kill(next);
      await cluster.promoted(heir);
      assert.equal(await heir.command('GET', '{u}:here'), 'v');
      await cluster.restart(next);
      await cluster.settled();
      assert.equal(await cluster.ownerOf(slot), heir);
    } finally {
      await cluster.stop();
    }
  });

  test(`${server}: sentinels put a replica in the master's place, asked to or not`, {
    skip: skipWithout(server),
  }, async () => {
    const group = await startSentinel({ server, password: 'p1', sentinelPassword: 'p2' });
    try {
      const first = await group.master();
      const second = await group.failover();
      assert.notEqual(second, first);
      assert.equal(await second.command('SET', 'k', 'v'), 'OK');
    } finally {
      await group.stop();
    }
    const killed = await startSentinel({ server });
    try {
      const first = await killed.master();
      await first.kill();
      const second = await killed.switched(first);
      for (const sentinel of killed.sentinels) assert.equal(await killed.master(sentinel), second);
      await second.command('SET', 'k', 'v');
      await first.restart();
      await killed.rejoin(first);
      assert.equal(await first.command('GET', 'k'), 'v');
    } finally {
      await killed.stop();
    }
  });
}

test('with TLS and a password: slots move one after the other, sentinels put a replica in place', async () => {
  const certificates = await makeCertificates();
  const options = { password: 'pä:ss', tls: certificates.forServer({ askClients: true }) };
  const fixtures = [];
  try {
    const cluster = await startCluster(options);
    fixtures.push(cluster);
    const [a, b] = cluster.nodes;
    const slots = [0, 1, 2];
    await a.command('SET', 'k596', 'in slot 0');
    const seen = [];
    await cluster.reshard(slots, b, async ({ slot, from, to }) => seen.push([slot, from, to]));
    assert.deepEqual(
      seen,
      slots.map((slot) => [slot, a, b]),
    );
    for (const node of cluster.nodes) assert.equal(await cluster.ownerOf(2, node), b);
    assert.equal(await b.command('GET', 'k596'), 'in slot 0');

    const group = await startSentinel(options);
    fixtures.push(group);
    const first = await group.master();
    assert.notEqual(await group.failover(), first);
  } finally {
    await Promise.all(fixtures.map((fixture) => fixture.stop()));
    certificates.remove();
  }
});
