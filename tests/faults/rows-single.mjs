// The fault table's rows about one server.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { away, evicting, forgetful, frozen, harmless, skipping } from './bounds.mjs';
import { crowd } from './load.mjs';
import { now } from './record.mjs';
import { direct, named, proxied, stepped } from './set-ups.mjs';

/** Counts the evictions of each limited key; `worst()` returns the highest count. */
async function countEvictions(server) {
  const counts = new Map();
  await server.command('CONFIG', 'SET', 'notify-keyspace-events', 'Ee');
  const listener = server.connect();
  listener.on('message', (_channel, key) => counts.set(key, (counts.get(key) ?? 0) + 1));
  await listener.subscribe('__keyevent@0__:evicted');
  return {
    async worst() {
      await listener.ping(); // all earlier messages have arrived
      listener.disconnect();
      for (const key of counts.keys()) if (key.startsWith('other:')) counts.delete(key);
      return Math.max(0, ...counts.values());
    },
  };
}

/** A bad line for a limited time. */
const badLine =
  (faults, fullMs, shortMs) =>
  async ({ fixture, full, random }) => {
    await fixture.proxy.set(typeof faults === 'function' ? faults(random) : faults);
    await sleep(full ? fullMs : shortMs);
    await fixture.proxy.set({});
  };

const notLinux = process.platform !== 'linux' && 'shims are preloaded on Linux only';

export const rows = [
  {
    name: 'SIGKILL and restart',
    setUp: direct,
    async fault({ fixture: { server }, random, run }) {
      await server.kill();
      run.losses = (run.losses ?? 0) + 1;
      await sleep(50 + 450 * random());
      await server.restart();
    },
    bound: forgetful,
  },
  {
    name: 'SIGSTOP under load',
    setUp: direct,
    async fault({ fixture: { server }, full }) {
      server.freeze();
      await sleep(full ? 5000 : 1500);
      server.thaw();
    },
    load: crowd,
    bound: away,
  },
  {
    name: 'black-holed connection',
    setUp: proxied,
    fault: badLine({ blackHole: true }, 5000, 1500),
    load: crowd,
    bound: away,
  },
  {
    name: 'reset in mid-reply',
    setUp: proxied,
    fault: badLine((random) => ({ cutReplyAfter: 1 + Math.floor(200 * random()) }), 2000, 500),
    bound: away,
  },
  {
    name: 'slow and jittery line',
    setUp: proxied,
    fault: badLine(
      { requests: { delayMs: 10 }, replies: { delayMs: 10, jitterMs: 60 } },
      3000,
      800,
    ),
    unseen: true,
    bound: harmless,
  },
  {
    name: 'SCRIPT FLUSH',
    setUp: direct,
    async fault({ fixture: { server }, full, random }) {
      for (let i = 0; i < (full ? 50 : 10); i++) {
        await server.command('SCRIPT', 'FLUSH', random() < 0.5 ? 'SYNC' : 'ASYNC');
        await sleep(50 * random());
      }
    },
    unseen: true,
    bound: harmless,
  },
  {
    name: 'CLIENT PAUSE',
    setUp: direct,
    async fault({ fixture: { server }, full, random }) {
      await server.command('CLIENT', 'PAUSE', full ? 5000 : 1500, random() < 0.5 ? 'ALL' : 'WRITE');
      await sleep(full ? 5000 : 1500);
    },
    load: crowd,
    bound: away,
  },
  {
    name: 'memory full, noeviction',
    setUp: direct,
    async fault({ fixture: { server }, full }) {
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await server.command('CONFIG', 'SET', 'maxmemory', 1);
      await sleep(full ? 3000 : 1000);
      await server.command('CONFIG', 'SET', 'maxmemory', 0);
    },
    bound: away,
  },
  {
    name: 'memory full, allkeys-lru',
    setUp: direct,
    async fault({ fixture: { server }, full, run }) {
      const evictions = await countEvictions(server);
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      const used = Number(/^used_memory:(\d+)/m.exec(await server.command('INFO', 'memory'))[1]);
      await server.command('CONFIG', 'SET', 'maxmemory', used + 2_000_000);
      const value = 'x'.repeat(20_000);
      for (let i = 0; i < (full ? 2000 : 500); i++)
        await server.command('SET', `other:${i}`, value);
      await server.command('CONFIG', 'SET', 'maxmemory', 0);
      run.losses = (run.losses ?? 0) + (await evictions.worst());
    },
    unseen: true,
    bound: evicting,
  },
  {
    name: 'a name server that hangs',
    skip: notLinux,
    setUp: named,
    async fault({ fixture: { proxy, resolver }, full }) {
      resolver.hang();
      proxy.reset();
      await sleep(full ? 10_000 : 1500);
      resolver.answer();
    },
    bound: away,
    load: crowd,
  },
  {
    name: "the server's clock stepped",
    skip: notLinux,
    setUp: stepped,
    async fault({ fixture: { clock }, full, random, run }) {
      for (let i = 0; i < (full ? 5 : 2); i++) {
        const ms = 500 + 1500 * random();
        clock.step(ms);
        // The policy's refill of that time, all at once.
        run.skippedSeconds = (run.skippedSeconds ?? 0) + ms / 1000;
        await sleep(300);
        clock.step(-ms);
        await sleep(300);
      }
    },
    unseen: true,
    bound: skipping,
  },
  {
    name: 'the Node process stopped',
    setUp: direct,
    async fault({ workers: [first], full, run }) {
      first.kill('SIGSTOP');
      await sleep(full ? 30_000 : 2000);
      run.goesOn = [...(run.goesOn ?? []), now()];
      first.kill('SIGCONT');
    },
    bound: frozen,
    verify({ workers, run }) {
      for (const { stats } of workers) {
        for (const { breakerOpenings } of stats) assert.equal(breakerOpenings, 0);
      }
      const [{ checks }] = workers;
      const byStore = run.goesOn.map((moment) => {
        const ends = checks.filter((check) => check.byStore && check.end > moment);
        return Math.min(...ends.map(({ end }) => end)) - moment;
      });
      return `decided by the store again after ${byStore.map((ms) => ms.toFixed(1)).join(', ')} ms`;
    },
  },
];
