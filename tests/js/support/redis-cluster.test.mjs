// A slot that moves: half-way it answers ASK and TRYAGAIN, on which the tests of a moving slot rely.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from '../../support/redis-cluster.mjs';
import { skipWithout } from '../../support/redis-server.mjs';

for (const server of ['redis', 'valkey']) {
  test(`${server}: a slot stands half-way, then elsewhere`, {
    skip: skipWithout(server),
  }, async () => {
    const cluster = await startCluster({ server });
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
    } finally {
      await cluster.stop();
    }
  });
}
