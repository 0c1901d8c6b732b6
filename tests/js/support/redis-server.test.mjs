// The fixtures' servers themselves: started as asked, stopped whatever happens.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { makeCertificates } from '../../support/certificates.mjs';
import { freePort } from '../../support/ports.mjs';
import { skipWithout, startRedis, until } from '../../support/redis-server.mjs';
import { steppedClock } from '../../support/stepped-clock.mjs';

/** Runs `use` with a connection that gives up at once. */
async function connected(options, use) {
  const client = new Redis({ lazyConnect: true, retryStrategy: () => null, ...options });
  let failure;
  client.on('error', (error) => {
    failure = error;
  });
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw failure ?? error;
  } finally {
    client.disconnect();
  }
}

const ping = (client) => client.ping();

for (const server of ['redis', 'valkey']) {
  test(server, { skip: skipWithout(server) }, async (t) => {
    await t.test('is what was asked for, killed and restarted empty on its port', async () => {
      const one = await startRedis({ server, args: ['--maxmemory-policy', 'allkeys-lru'] });
      try {
        const info = await one.command('INFO', 'server');
        assert.equal(/^valkey_version:/m.test(info), server === 'valkey');
        assert.deepEqual(await one.command('CONFIG', 'GET', 'maxmemory-policy'), [
          'maxmemory-policy',
          'allkeys-lru',
        ]);
        await one.command('SET', 'k', 'v');
        const { pid, port } = one;
        await one.kill();
        await assert.rejects(one.command('PING'));
        await one.restart();
        assert.deepEqual([one.port, await one.command('GET', 'k')], [port, null]);
        assert.notEqual(one.pid, pid);
      } finally {
        await one.stop();
      }
      assert.throws(() => process.kill(one.pid, 0), { code: 'ESRCH' });
    });

    await t.test('frozen, it keeps its connection and answers later', async () => {
      const one = await startRedis({ server });
      try {
        await one.command('PING');
        one.freeze();
        let answered = false;
        const asked = one.command('PING').then(() => {
          answered = true;
        });
        await sleep(100);
        assert.equal(answered, false);
        one.thaw();
        await asked;
        one.freeze();
      } finally {
        await one.stop(); // frozen as it is
      }
    });

    await t.test('with a password, a user and a unix socket', async () => {
      const one = await startRedis({ server, unixSocket: true, password: 'p:ä@ss' });
      try {
        await one.command('ACL', 'SETUSER', 'limiter', 'on', '>secret', '~sluice:*', '+@all');
        const path = one.socketPath;
        assert.equal(await connected({ path, password: 'p:ä@ss' }, ping), 'PONG');
        await connected(
          { port: one.port, username: 'limiter', password: 'secret' },
          async (user) => {
            assert.equal(await user.set('sluice:k', 'v'), 'OK');
            await assert.rejects(user.set('other', 'v'), /NOPERM/);
          },
        );
        await assert.rejects(connected({ port: one.port, password: 'wrong' }, ping), /WRONGPASS/);
      } finally {
        await one.stop();
      }
    });

    await t.test(
      'with TLS: a name that is its own, another one, and client certificates',
      async () => {
        const certificates = await makeCertificates();
        const { ca, otherCa, client, text } = certificates;
        const as = (port, tls = {}) => ({ host: 'localhost', port, tls: { ca: text(ca), ...tls } });
        const servers = [];
        const start = async (options) => {
          servers.push(await startRedis({ server, tls: certificates.forServer(options) }));
          return servers.at(-1).port;
        };
        try {
          const plain = await start();
          assert.equal(await connected(as(plain), ping), 'PONG');
          await assert.rejects(connected(as(plain, { ca: text(otherCa) }), ping), /certificate/);
          await assert.rejects(connected(as(await start({ name: 'elsewhere' })), ping), {
            code: 'ERR_TLS_CERT_ALTNAME_INVALID',
          });
          const strict = await start({ askClients: true });
          const shown = { cert: text(client.cert), key: text(client.key) };
          assert.equal(await connected(as(strict, shown), ping), 'PONG');
          await assert.rejects(connected(as(strict), ping));
          assert.equal(await servers.at(-1).command('PING'), 'PONG');
        } finally {
          await Promise.all(servers.map((one) => one.stop()));
          certificates.remove();
        }
      },
    );

    await t.test('its clock is stepped, forward and back, while it runs', async () => {
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
  });
}

test('a port that is taken is told of, and no such program too', async () => {
  const one = await startRedis();
  await assert.rejects(startRedis({ port: one.port }), /ended \(1\)/);
  await one.stop();
  await assert.rejects(startRedis({ server: 'memcached' }), /no such server: memcached/);
});

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
