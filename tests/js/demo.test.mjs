// The demo without its build: its output, and the claims of its exit code.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../support/redis-server.mjs';

const demo = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));

async function text(stream) {
  let all = '';
  for await (const chunk of stream.setEncoding('utf8')) all += chunk;
  return all;
}

async function run(...flags) {
  const child = spawn(process.execPath, [demo, '--no-build', ...flags]);
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await ended;
  return { code, stdout, stderr };
}

/** Runs with --json, checks the facts of any store, and returns the last line. */
async function runJson(...flags) {
  const { code, stdout, stderr } = await run('--json', ...flags);
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1));
  assert.deepEqual(Object.keys(result), ['requests', 'allowed', 'limited', 'store', 'headers']);
  assert.equal(result.requests, 222);
  assert.equal(result.allowed + result.limited, result.requests);
  assert.match(result.headers['ratelimit-policy'], /^"burst";q=20;w=10$/);
  assert.match(result.headers.ratelimit, /^"burst";r=0;t=\d+$/);
  assert.match(result.headers['retry-after'], /^\d+$/);
  return result;
}

describe('the demo', { concurrency: 2 }, () => {
  test('shows what each caller was admitted, and a whole denial', async () => {
    const { code, stdout, stderr } = await run();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^ {2}steady +2\/s +6 +6 +0$/m);
    assert.match(stdout, /^ {2}runaway +60\/s +180 +\d+ +1\d\d$/m);
    assert.match(stdout, /HTTP\/1\.1 429 Too Many Requests/);
    assert.match(stdout, /RateLimit-Policy: "burst";q=20;w=10/);
    assert.match(stdout, /Retry-After: \d/);
    assert.match(stdout, /#quota-exceeded/);
    const [, seconds, most] = stdout.match(
      /In these (\S+) s one bucket admits a caller (\d+) times/,
    );
    assert.equal(Math.floor(20 + 2 * seconds), Number(most), 'what a reader would work out');
  });

  // In three seconds a bucket of 20 with 2 more a second admits about 26 of each caller's requests, so
  // about 58 of all; three buckets that nobody shares about 120. The bounds leave a slow machine time.
  test('in memory, ends in a line of JSON', async () => {
    const { store, limited } = await runJson();
    assert.equal(store, 'memory');
    assert.ok(limited >= 100, `${limited} limited`);
  });

  test('three replicas admit three times as much, each in its own memory', async () => {
    const { allowed } = await runJson('--replicas', '3');
    assert.ok(allowed >= 6 + 36 + 60, `${allowed} admitted`);
  });

  test('over Redis three replicas share one limit', async (t) => {
    const { url, stop } = await startRedis();
    t.after(stop);
    const { store, limited } = await runJson('--replicas', '3', '--redis', url);
    assert.equal(store, 'redis');
    assert.ok(limited >= 100, `${limited} limited`);
  });

  for (const [signal, expected] of [
    ['SIGTERM', 0],
    ['SIGKILL', null],
  ]) {
    const title = `serves until stopped by ${signal}, and leaves no server behind`;
    test(title, { timeout: 300_000 }, async (t) => {
      const child = spawn(process.execPath, [demo, '--no-build', '--serve', '--replicas', '2']);
      t.after(() => child.kill('SIGKILL'));
      const lines = createInterface(child.stdout);
      const urls = [];
      for await (const line of lines) {
        const url = line.match(/^ {2}curl -i -H 'x-api-key: steady-key' (http:\S+)$/)?.[1];
        if (url && urls.push(url) === 2) break;
      }
      for (const url of urls) {
        const response = await fetch(url, { headers: { 'x-api-key': 'steady-key' } });
        assert.equal(response.status, 200);
        assert.equal(response.headers.get('ratelimit'), '"burst";r=19;t=1');
        assert.equal((await fetch(url)).status, 401);
      }
      child.kill(signal);
      const [code] = await once(child, 'exit');
      assert.equal(code, expected);
      for (const url of urls) await refused(url);
    });
  }

  test('names the fault of a missing Redis or a wrong URL', async () => {
    for (const url of ['redis://127.0.0.1:1', 'nonsense']) {
      const { code, stderr } = await run('--redis', url);
      assert.equal(code, 1);
      assert.match(stderr, /^demo: cannot use the Redis given by --redis: /);
      assert.doesNotMatch(stderr, /\n {4}at /);
    }
  });

  test('never prints the password of a Redis URL', async () => {
    const { code, stdout, stderr } = await run('--redis', 'redis://user:s3cret@127.0.0.1:1');
    assert.equal(code, 1);
    assert.doesNotMatch(stdout + stderr, /s3cret/);
  });

  test('refuses flags it does not know, and values that make no sense, with its usage', async () => {
    for (const flags of [
      ['--relpicas', '3'],
      ['extra'],
      ['--replicas', '0'],
      ['--replicas', 'x'],
      ['--redis'],
      ['--serve', '--json'],
    ]) {
      const { code, stdout, stderr } = await run(...flags);
      assert.equal(code, 2, flags.join(' '));
      assert.match(stderr, /^demo: .*\n\nnpm run demo/, flags.join(' '));
      assert.equal(stdout, '');
    }
  });

  test('--help prints the flags', async () => {
    const { code, stdout } = await run('--help');
    assert.equal(code, 0);
    for (const flag of ['redis', 'replicas', 'serve', 'json', 'help']) {
      assert.ok(stdout.includes(`--${flag}`), flag);
    }
  });
});

/** Resolves once nothing listens at the URL. */
async function refused(url) {
  for (;;) {
    try {
      await fetch(url);
    } catch (error) {
      // A kept connection is reset first, where the server has just ended.
      if (error.cause?.code === 'ECONNREFUSED') return;
    }
    await setTimeout(20);
  }
}
