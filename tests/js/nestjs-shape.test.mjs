// The NestJS guard under a policy that shapes: admitted requests wait their turn.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { leakyBucket, memory } from 'sluice';
import { manualClock } from 'sluice/testing';
import { controller, platforms, start } from '../support/nestjs.mjs';

for (const [platform, adapter] of Object.entries(platforms)) {
  test(`${platform}: an admitted request is handled when its turn has come`, async (t) => {
    let asked = 0;
    const options = {
      policies: leakyBucket({ capacity: 5, leak: 2, every: '1s', mode: 'shape' }),
      store: memory({ clock: manualClock() }),
      key: () => {
        asked++;
        return 'one';
      },
      global: true,
    };
    const { send } = await start(t, adapter, options, { controllers: [controller({ a: [] })] });
    t.mock.timers.enable({ apis: ['setTimeout'] });
    assert.equal((await send('/a')).status, 200, 'the queue was empty');

    let answered = false;
    const second = send('/a').finally(() => {
      answered = true;
    });
    while (asked < 2) await turn();
    for (let i = 0; i < 50; i++) await turn();
    assert.equal(answered, false, 'it waits');
    t.mock.timers.tick(500);
    assert.equal((await second).status, 200);
  });
}
