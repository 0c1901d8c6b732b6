// Each example starts with its one command and limits real requests.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../support/redis-server.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

let redis;
before(async () => {
  redis = await startRedis();
});
after(() => redis?.stop());

/** Starts an example on a free port; resolves to its URL when it listens, and ends it after the test. */
async function start(t, file, env = {}) {
  const child = spawn(process.execPath, [join(root, 'examples', file)], {
    cwd: root,
    env: { ...process.env, REDIS_URL: '', ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  t.after(() => {
    child.kill();
    return ended;
  });
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (text) => {
      output += text;
      const url = output.match(/listening on (\S+)\n/)?.[1];
      if (url) resolve(url);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    ended.then(() => reject(new Error(`${file} ended before it listened:\n${output}`)));
  });
}

/** Sends `count` requests at once; resolves to how many got each status. */
async function statuses(count, url, options) {
  const found = {};
  const answers = Array.from({ length: count }, () => fetch(url, options));
  for (const response of await Promise.all(answers)) {
    found[response.status] = (found[response.status] ?? 0) + 1;
    await response.arrayBuffer();
  }
  return found;
}

const caller = (key) => ({ headers: { 'x-api-key': key } });

describe('examples/express', () => {
  test('limits each user, and asks for a key', async (t) => {
    const url = await start(t, 'express/server.mjs');
    assert.deepEqual(await statuses(1, url), { 401: 1 });
    const found = await statuses(60, url, caller('busy-key'));
    assert.ok(found[200] >= 20 && found[429] >= 1, JSON.stringify(found));
    assert.equal((await fetch(url, caller('steady-key'))).status, 200);
  });

  test('over Redis, two processes share one limit', async (t) => {
    const env = { REDIS_URL: redis.url, REDIS_PREFIX: 'example-express' };
    const first = await start(t, 'express/server.mjs', env);
    const second = await start(t, 'express/server.mjs', env);
    const { remaining: before } = await (await fetch(first, caller('busy-key'))).json();
    assert.equal(before, 19);
    // The second process sees the charges of the first. 60 requests are more than a refill could hide.
    assert.ok((await statuses(60, first, caller('busy-key')))[429] >= 1);
    const response = await fetch(second, caller('busy-key'));
    const left = response.headers.get('ratelimit').match(/r=(\d+)/)[1];
    assert.ok(Number(left) < 19, `the second process has ${left} left`);
  });
});

describe('examples/multi-tenant', () => {
  test('counts a day by tenant and a burst by user', async (t) => {
    const url = await start(t, 'multi-tenant/server.mjs');
    const usage = async (key) => {
      const policies = await (await fetch(`${url}/usage`, caller(key))).json();
      return Object.fromEntries(policies.map(({ policy, ...rest }) => [policy, rest]));
    };
    assert.deepEqual(await statuses(1, `${url}/reports`), { 401: 1 });

    // Within a tenant: the user's burst denies, and users share the day.
    const ann = await statuses(40, `${url}/reports`, caller('ann-of-acme'));
    assert.ok(ann[200] >= 10 && ann[429] >= 1, JSON.stringify(ann));
    assert.equal((await usage('bob-of-acme')).daily.remaining, 30 - ann[200]);
    assert.equal((await fetch(`${url}/reports`, caller('bob-of-acme'))).status, 200);
    assert.equal((await usage('ann-of-acme')).daily.remaining, 30 - ann[200] - 1);

    // Another tenant, on another plan, and one with a number of its own.
    assert.deepEqual((await usage('eve-of-globex')).daily, { limit: 10_000, remaining: 10_000 });
    assert.deepEqual((await usage('joe-of-initech')).daily, { limit: 60, remaining: 60 });
  });

  test('over Redis it counts the same', async (t) => {
    const env = { REDIS_URL: redis.url, REDIS_PREFIX: 'example-tenants' };
    const url = await start(t, 'multi-tenant/server.mjs', env);
    const ann = await statuses(5, `${url}/reports`, caller('ann-of-acme'));
    assert.deepEqual(ann, { 200: 5 });
    const [daily] = await (await fetch(`${url}/usage`, caller('bob-of-acme'))).json();
    assert.deepEqual(daily, { policy: 'daily', limit: 30, remaining: 25 });
  });
});

describe('examples/nestjs', () => {
  test('limits its handlers, and its worker sends in its turn', async (t) => {
    const url = await start(t, 'nestjs/start.mjs');
    const post = { method: 'POST' };
    assert.deepEqual(await statuses(7, `${url}/login`, post), { 201: 5, 429: 2 });

    assert.deepEqual(await statuses(3, `${url}/mails/ann@example.com`, post), { 201: 3 });
    let sent = [];
    while (sent.length < 3) sent = await (await fetch(`${url}/mails`)).json();
    assert.deepEqual(sent, Array(3).fill('ann@example.com'));

    const found = await statuses(60, url);
    assert.ok(found[429] >= 1, JSON.stringify(found));
    assert.equal((await fetch(`${url}/mails`)).status, 200); // skipped by the guard
  });
});

test('README lists the command of each example, and nothing else', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const listed = [...readme.matchAll(/`node (examples\/[^`]+)`/g)].map(([, path]) => path);
  const folders = readdirSync(join(root, 'examples'));
  assert.deepEqual(listed.map((path) => path.split('/')[1]).sort(), folders.sort());
  for (const path of listed) assert.ok(readFileSync(join(root, path), 'utf8'));
});
