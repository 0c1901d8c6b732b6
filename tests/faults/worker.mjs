// A process that keeps checking during a fault and records every answer; run-row.mjs starts it.

import { subscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { seededRandom } from '../support/random.mjs';
import { now, OUTCOMES } from './record.mjs';

const given = JSON.parse(process.argv[2]);
const { prefix, policy, looser, rules, options, keys, loops, pauseMs, seed, soak } = given;
/** The store counts as back after this many answers in a row, under every rule and for all keys. */
const STREAK = 25;
const GIVE_UP_MS = 30_000;

const random = seededRandom(seed);
const { passwordFile, ...storeOptions } = given.store;
if (passwordFile) storeOptions.password = () => readFileSync(passwordFile, 'utf8');
const store = redis(storeOptions);
/** `looser`: further policies that never deny a call that the measured one admits. */
const policies = { measured: tokenBucket(policy) };
for (const [i, numbers] of (looser ?? []).entries()) policies[`looser${i}`] = tokenBucket(numbers);
const limiters = rules.map((rule) =>
  createLimiter({
    ...options,
    policies,
    store,
    prefix: `${prefix}-${rule}`,
    onStoreError: rule,
  }),
);

/** Five numbers per check; see record.mjs. None in a soak, where they would be growth. */
const records = [];
const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0]));
/** The messages of the store's faults, with their times. */
const reasons = {};
const resources = [];
const streaks = rules.map(() => ({ length: 0, keys: new Set() }));
let asked = 0;
let stopping = false;
let watching = false;

function note(start, key, rule, outcome) {
  outcomes[outcome]++;
  if (!soak) records.push(start, now(), key, rule, OUTCOMES.indexOf(outcome));
  const streak = streaks[rule];
  if (outcome.startsWith('store')) {
    streak.length++;
    streak.keys.add(key);
  } else {
    begin(streak);
  }
  if (watching && streaks.every((each) => each.length >= STREAK && each.keys.size === keys)) {
    watching = false;
    process.send('recovered');
  }
}

function begin(streak) {
  streak.length = 0;
  streak.keys.clear();
}

async function keepChecking(loop) {
  const rule = loop % rules.length;
  while (!stopping) {
    const key = Math.floor(random() * keys);
    const start = now();
    asked++;
    try {
      const { source, allowed } = await limiters[rule].check(`key${key}`);
      note(start, key, rule, `${source}:${allowed ? 'admitted' : 'denied'}`);
    } catch (error) {
      if (error.code !== 'ERR_SLUICE_STORE_UNAVAILABLE') throw error;
      note(start, key, rule, 'error');
    }
    await sleep(2 * pauseMs * random());
  }
}

async function report() {
  stopping = true;
  await Promise.race([Promise.all(checking), sleep(GIVE_UP_MS, undefined, { ref: false })]);
  const answered = Object.values(outcomes).reduce((sum, count) => sum + count);
  const stats = limiters.map((limiter) => limiter.stats().redis);
  if (answered === asked) await Promise.all(limiters.map((limiter) => limiter.close()));
  const report = {
    asked,
    answered,
    outcomes,
    reasons,
    stats,
    resources,
    records: new Float64Array(records),
  };
  process.send(report, () => process.exit());
}

/** Records the process's memory and, from Linux, its open files and threads. */
function takeStock() {
  globalThis.gc?.();
  const count = (name) => readdirSync(`/proc/self/${name}`).length;
  const held = { bytes: process.memoryUsage.rss() };
  resources.push(
    process.platform === 'linux' ? { ...held, files: count('fd'), threads: count('task') } : held,
  );
  process.send('counted');
}

let checking = [];
const commands = {
  go() {
    checking = Array.from({ length: loops }, (_, i) => keepChecking(i));
  },
  /** Sends 'recovered' once the store answers everything again. */
  watch() {
    streaks.forEach(begin);
    watching = true;
  },
  takeStock,
  report,
};
// A subscriber prevents process warnings: faults are the subject here.
subscribe('sluice:fault', ({ fault, detail }) => {
  const reason = `${fault}: ${detail}`;
  reasons[reason] ??= [];
  if (!soak) reasons[reason].push(now());
});
process.on('message', (name) => commands[name]());
process.on('disconnect', () => process.exit());

/** On a busy machine the first answers may be late. */
async function isAnswered(limiter, key) {
  const { source } = await limiter.peek(key).catch(() => ({}));
  return source === 'store';
}

// Connects and loads the script before anything is counted.
for (const limiter of limiters) {
  for (let i = 0; i < keys; i++) while (!(await isAnswered(limiter, `key${i}`))) await sleep(10);
}
process.send('ready');
