// Properties of the servers that no other test would miss: a stepped clock, and an end with the test.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePort } from '../../support/ports.mjs';
import { skipWithout, startRedis, until } from '../../support/redis-server.mjs';
import { steppedClock } from '../../support/stepped-clock.mjs';

for (const server of ['redis', 'valkey']) {
  test(`${server}: its clock is stepped, forward and back, while it runs`, {
    skip: skipWithout(server),
  }, async () => {
    const clock = await steppedClock();
    const one = await startRedis({ server, env: clock.env });
    const isAheadBy = async (ms) => {
      const before = Date.now();
      const [seconds, micros] = await one.command('TIME');
      const there = Number(seconds) * 1000 + Number(micros) / 1000 - ms;
      assert.ok(there >= before && there < Date.now() + 1, `${there - before} ms off`);
    };
    try {
      await isAheadBy(0);
      clock.step(3_600_000);
      await isAheadBy(3_600_000);
      clock.step(-3_700_000);
      await isAheadBy(-100_000);
    } finally {
      await one.stop();
      clock.remove();
    }
  });
}

test('a test that is killed leaves no server behind', {
  skip: process.platform !== 'linux' && 'it takes the kernel of Linux',
}, async () => {
  const fixtures = new URL('../../support/redis-server.mjs', import.meta.url);
  const program = `
    const { startRedis } = await import(${JSON.stringify(fixtures)});
    console.log((await startRedis({ port: ${await freePort()} })).pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const pid = Number(line);
  process.kill(pid, 0);
  child.kill('SIGKILL');
  await until('the server is gone', () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
});
