// The fault table's rows about a master with sentinels.

import { forgetful, split } from './bounds.mjs';
import { watched } from './set-ups.mjs';

export const rows = [
  {
    name: 'sentinel: the master killed, a replica promoted',
    setUp: watched,
    async fault({ fixture: { group }, run }) {
      const master = await group.master();
      await master.kill();
      await group.switched(master);
      // Writes that had not reached the replica are lost.
      run.losses = (run.losses ?? 0) + 1;
      await master.restart();
      await group.rejoin(master);
    },
    bound: forgetful,
  },
  {
    name: 'sentinel: the master frozen, replaced, and back',
    setUp: watched,
    async fault({ fixture: { group }, run }) {
      const master = await group.master();
      master.freeze();
      await group.switched(master);
      run.losses = (run.losses ?? 0) + 1;
      master.thaw();
      await group.rejoin(master);
    },
    bound: split,
  },
  {
    name: 'sentinel: a replica takes over in good order',
    setUp: watched,
    async fault({ fixture: { group }, run }) {
      const master = await group.master();
      await group.failover();
      run.losses = (run.losses ?? 0) + 1;
      await group.rejoin(master);
    },
    bound: split,
  },
];
