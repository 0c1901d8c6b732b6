// Applications in the shape of express-rate-limit's documentation, run with both imports: the answers are the same.
//
// The pages: README, quick start, configuration, data stores, creating a store, helpers, instance and request API,
// troubleshooting proxy issues (https://express-rate-limit.mintlify.app), and the README of rate-limit-redis.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { mock, test } from 'node:test';
import { send } from '../support/express.mjs';
import { useRedis } from '../support/use-redis.mjs';

const THEIRS = 'express-rate-limit';
const OURS = 'sluice/express';

// A module of an application with the query ?ours imports the other package under the same name.
const hooks = `export const resolve = (name, context, next) =>
  next(name === '${THEIRS}' && context.parentURL?.endsWith('?ours') ? '${OURS}' : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const folder = new URL('./compat-apps/', import.meta.url);
const { server } = await useRedis();
process.env.COMPAT_APPS_REDIS_URL = server.url;

/** An application, with its import as it is, or changed. */
async function load(file, library) {
  const url = new URL(file, folder);
  if (file.endsWith('.mjs')) return import(library === OURS ? `${url}?ours` : url);
  const require = createRequire(url);
  const module = { exports: {} };
  const run = new Function('require', 'module', readFileSync(url, 'utf8'));
  run((name) => require(name === THEIRS ? library : name), module);
  return module.exports;
}

/** The parts of an answer that the libraries give. */
function shown({ status, headers, body }, timesVary) {
  const { date, connection, 'keep-alive': keepAlive, ...compared } = headers;
  if (timesVary) delete compared['ratelimit-reset'];
  if (timesVary && 'retry-after' in compared) compared['retry-after'] = 'some';
  return { status, headers: compared, body };
}

/** The answers of an application to its requests, and the codes that it logged. */
async function answersOf(t, file, library) {
  const logged = [];
  for (const level of ['error', 'warn']) {
    t.mock.method(console, level, (...args) => {
      logged.push(...args.map((arg) => arg.code ?? arg.message).filter(Boolean));
    });
  }
  const { app, requests, close, timesVary } = await load(file, library);
  let ended;
  const listening = app.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  listening.on('request', (_req, res) => {
    ended = once(res, 'close');
  });
  const answers = [];
  try {
    for (const { wait = 0, path = '/', ...more } of requests) {
      if (wait > 0) mock.timers.tick(wait);
      const { port } = listening.address();
      answers.push(shown(await send({ host: '127.0.0.1', port, path, ...more }), timesVary));
      // A refund runs after the response has closed.
      await ended;
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await close?.();
    listening.close();
    t.mock.restoreAll();
  }
  return { answers, logged: logged.sort() };
}

test('each import reaches its package', async () => {
  for (const library of [THEIRS, OURS]) {
    const { rateLimit } = await load('defaults.mjs', library);
    assert.equal(rateLimit, (await import(library)).rateLimit);
  }
});

for (const file of readdirSync(folder)) {
  test(`${file}: the same answers after a change of the import`, async (t) => {
    const start = 1_800_000_000_000;
    const got = [];
    for (const library of [THEIRS, OURS]) {
      mock.timers.enable({ apis: ['Date', 'setInterval'], now: start });
      t.after(() => mock.timers.reset());
      got.push(await answersOf(t, file, library));
      mock.timers.reset();
    }
    const [theirs, ours] = got;
    assert.deepEqual(ours, theirs);
    const statuses = new Set(ours.answers.map(({ status }) => status));
    assert.ok(statuses.has(429) || statuses.has(420), `${file} sees a denial`);
    assert.ok(!statuses.has(500), `${file} has no error`);
    t.diagnostic(`${ours.answers.length} answers; logged: ${ours.logged.join(', ') || 'nothing'}`);
  });
}
