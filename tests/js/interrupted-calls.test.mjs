// Calls that end in the middle: by a time limit of node:vm, by process.exit() in a callback, by an error of native code.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { native } from '../support/addon.mjs';
import { useRedis } from '../support/use-redis.mjs';

const { server } = await useRedis();
const cwd = fileURLToPath(new URL('../..', import.meta.url));
const rounds = process.env.SLUICE_FULL ? 1000 : 30;

/** Runs a module in a process of its own: `{ code, signal, stdout, stderr }`. */
function runAlone(source, ...argv) {
  const args = ['--input-type=module', '-e', source, server.url, ...argv];
  return new Promise((resolve) => {
    const options = { cwd, timeout: 180_000 };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, signal: error?.signal ?? null, stdout, stderr });
    });
  });
}

const IMPORTS = `
import { subscribe } from 'node:diagnostics_channel';
import vm from 'node:vm';
import { isMainThread, Worker } from 'node:worker_threads';
import { concurrency, createLimiter, memory, redis, tokenBucket } from 'sluice';
const url = process.argv[1];
const bucket = (by) => tokenBucket({ capacity: 1000, every: '1h', by });
const several = { a: bucket('user'), b: bucket(['user', 'tenant']), c: concurrency({ limit: 5, ttl: '1h', by: 'user' }) };
const key = { user: 'u', tenant: 't' };
const made = [];
`;

/**
 * By name: a function that makes a call which a time limit ends, the limiter that it used, and the checks after it.
 *
 * No call of close(): it waits by setImmediate(), and a limit during that breaks Node's own list of immediates. The
 * process then spins for ever or dies, even without Sluice.
 */
const INTERRUPTED = {
  'checkSync in memory':
    'const l = createLimiter({ policies: bucket() }); return [() => l.checkSync("k"), l]',
  'checkSync with several keys':
    'const l = createLimiter({ policies: several }); return [() => l.checkSync(key), l, key]',
  'stats of Redis':
    'const l = createLimiter({ policies: bucket(), store: redis(url) }); return [() => l.stats(), l]',
  'check over Redis':
    'const l = createLimiter({ policies: bucket(), store: redis(url) }); return [() => l.check("k"), l]',
  'check over Redis with several keys':
    'const l = createLimiter({ policies: several, store: redis(url) }); return [() => l.check(key), l, key]',
  'check through a client that never answers':
    'const client = { isOpen: true, sendCommand: () => new Promise(() => {}) };' +
    'const l = createLimiter({ policies: bucket(), store: redis({ client }) }); return [() => l.check("k"), l]',
  'redis() and createLimiter':
    'const l = createLimiter({ policies: bucket(), store: redis(url) });' +
    'return [() => made.push(createLimiter({ policies: several, store: redis(url) })), l]',
};

for (const [name, source] of Object.entries(INTERRUPTED)) {
  test(`a time limit of node:vm ends ${name}, and the limiter goes on and closes`, async () => {
    const { code, signal, stdout, stderr } = await runAlone(`${IMPORTS}
      const [call, limiter, checked = 'k'] = (() => { ${source} })();
      globalThis.call = () => { const result = call(); result?.catch?.(() => {}); };
      for (let i = 0; i < ${rounds}; i++) {
        try {
          vm.runInThisContext('for (;;) call();', { timeout: 1 + (i % 3) });
        } catch (error) {
          if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
        }
        await Promise.all(made.splice(0).map((each) => each.close()));
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const decision = await limiter.check(checked);
      await limiter.close();
      console.log(typeof decision.allowed);
    `);
    assert.deepEqual(
      { code, signal, out: stdout.trim() },
      { code: 0, signal: null, out: 'boolean' },
      stderr,
    );
  });
}

/** By name: code that makes Sluice's code call `end()`. */
const ENDS = {
  'a subscriber of sluice:denied':
    "subscribe('sluice:denied', end); createLimiter({ policies: tokenBucket({ capacity: 1, every: '1h' }) }).check('k', { cost: 2 });",
  'a subscriber of sluice:fault':
    "subscribe('sluice:fault', end); createLimiter({ policies: bucket(), store: redis('redis://127.0.0.1:1') }).check('k');",
  'a reaction to a check over Redis':
    "const l = createLimiter({ policies: bucket(), store: redis(url) }); for (let i = 0; i < 100; i++) l.check('k' + i).then(() => i === 50 && end());",
  'a password function':
    "createLimiter({ policies: bucket(), store: redis({ url, password: () => end() }) }).check('k');",
  "a client's sendCommand":
    "const client = { isOpen: true, sendCommand: () => end() }; createLimiter({ policies: bucket(), store: redis({ client }) }).check('k');",
  "a clock's now()":
    "createLimiter({ policies: bucket(), store: memory({ clock: { now: () => end() } }) }).check('k');",
};

for (const [name, source] of Object.entries(ENDS)) {
  test(`process.exit() in ${name} ends the process, or the worker alone, with its code`, async () => {
    const body = `const end = () => process.exit(7); ${source} setTimeout(() => {}, 60_000);`;
    const alone = await runAlone(`${IMPORTS}${body}`);
    assert.deepEqual([alone.code, alone.signal], [7, null], alone.stderr);

    const inWorker = IMPORTS.replace('process.argv[1]', JSON.stringify(server.url)) + body;
    const of = await runAlone(`
      import { Worker } from 'node:worker_threads';
      const source = ${JSON.stringify(inWorker)};
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source.replaceAll("from 'sluice'", "from '" + import.meta.resolve('sluice') + "'"))), { execArgv: [] });
      worker.on('exit', (code) => console.log(code));
    `);
    assert.deepEqual([of.code, of.signal, of.stdout.trim()], [0, null, '7'], of.stderr);
  });
}

test('a question that native code refuses rejects alone, and close() does not wait for it', async () => {
  const { makeRedisLimiter } = native;
  native.makeRedisLimiter = (options) => {
    const made = makeRedisLimiter(options);
    const { ask } = made;
    made.ask = (kind, key, ...rest) => {
      if (key === 'refused') throw new TypeError('refused');
      return ask(kind, key, ...rest);
    };
    return made;
  };
  const policies = tokenBucket({ capacity: 5, every: '1h' });
  const options = { policies, store: redis(server.url), prefix: 'refused' };
  const limiter = createLimiter(options);
  native.makeRedisLimiter = makeRedisLimiter;
  const checks = ['a', 'refused', 'b', 'refused', 'a'].map((key) => limiter.check(key));
  const settled = await Promise.allSettled(checks);
  assert.deepEqual(
    settled.map(({ value, reason }) => value?.remaining ?? reason.message),
    [4, 'refused', 4, 'refused', 3],
  );
  assert.deepEqual(
    native.pending.filter((call) => call !== undefined),
    [],
  );
  await limiter.close();
});
