// The benches run, count right, and say what they measured in the shape that machines read. Never how fast.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Report } from '../bench/lib/report.mjs';
import { inTurn } from '../bench/lib/rounds.mjs';
import { median, percentile } from '../bench/lib/stats.mjs';
import { makeWorkload, verify } from '../bench/lib/workload.mjs';

const program = fileURLToPath(new URL('../bench/run.mjs', import.meta.url));

function bench(...args) {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
}

function quick(name) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    const file = join(folder, 'bench.json');
    const { status, stdout, stderr } = bench(
      name,
      '--quick',
      '--rounds',
      '1',
      '--no-build',
      '--json',
      file,
    );
    assert.equal(status, 0, stderr);
    return { stdout, json: JSON.parse(readFileSync(file, 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const [name, subjects] of [
  [
    'memory',
    [
      ...['sluice checkSync', 'sluice await check', 'rate-limiter-flexible', 'tokenBucket', 'gcra'],
      ...['leakyBucket', 'fixedWindow', 'slidingWindow', 'slidingLog', 'concurrency'],
    ],
  ],
  [
    'redis',
    [
      ...['sluice', 'rate-limiter-flexible + ioredis', 'rate-limit-redis + node-redis'],
      '@nest-lab/throttler-storage-redis',
    ],
  ],
  ['http', ['no limiter', 'sluice', 'express-rate-limit']],
]) {
  test(`bench ${name} --quick measures every subject and every target`, () => {
    const { stdout, json } = quick(name);
    assert.match(stdout, /against the targets/);
    assert.equal(json.quick, true);
    assert.equal(json.node, process.version);
    assert.deepEqual(Object.keys(json.benches), [name]);
    const { results, targets } = json.benches[name];
    for (const result of results) {
      const { metric, unit, workload, subject, samples } = result;
      const label = `${metric}, ${workload}, ${subject}`;
      for (const text of [metric, unit, workload, subject]) assert.equal(typeof text, 'string');
      assert.ok(samples.length >= 1 && samples.length <= json.rounds, label);
      assert.ok(samples.every(Number.isFinite), label);
      assert.ok(result.min <= result.median && result.median <= result.max, label);
    }
    const measured = new Set(results.map(({ subject }) => subject));
    for (const subject of subjects) assert.ok(measured.has(subject), `${subject} is missing`);
    assert.ok(targets.some(({ atLeast, atMost }) => (atLeast ?? atMost) !== undefined));
    for (const { what, value, met, atLeast, atMost } of targets) {
      assert.ok(Number.isFinite(value), `${what}: not measured`);
      assert.equal(typeof met, (atLeast ?? atMost) === undefined ? 'object' : 'boolean', what);
    }
  });
}

test('an unknown bench, option or number is refused with the usage', () => {
  for (const args of [['disk'], ['--fast'], ['--rounds', '0'], ['--rounds', 'x']]) {
    const { status, stderr } = bench(...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /usage: npm run bench/);
  }
});

test('a workload admits what its capacity says, key by key, in an order that the seed decides', () => {
  const options = { name: 'w', keyCount: 50, callsPerKey: 20, deniedShare: 0.25, warm: 2 };
  const workload = makeWorkload({ ...options, seed: 7 });
  const left = new Map(workload.keys.map((key) => [key, workload.capacity - workload.warm]));
  assert.equal(left.size, 50);
  let admitted = 0;
  for (const key of workload.calls) {
    if (left.get(key) === 0) continue;
    left.set(key, left.get(key) - 1);
    admitted++;
  }
  assert.equal(admitted, 50 * 15);
  verify(workload, 'counted', { admitted, decided: 1000 });
  assert.deepEqual(makeWorkload({ ...options, seed: 7 }).calls, workload.calls);
  assert.notDeepEqual(makeWorkload({ ...options, seed: 8 }).calls, workload.calls);
});

test('a run that admitted one too many, or left one undecided, is refused', () => {
  const workload = makeWorkload({ name: 'w', keyCount: 2, callsPerKey: 10, seed: 1 });
  verify(workload, 'right', { admitted: 18, decided: 20 });
  assert.throws(() => verify(workload, 'much', { admitted: 19, decided: 20 }), /admitted 19/);
  assert.throws(() => verify(workload, 'lost', { admitted: 18, decided: 19 }), /of 19 decided/);
  const much = { admitted: 19, decided: 20, evicted: 1 };
  assert.throws(() => verify(workload, 'full', much), /admitted 19 .*evicted 1 entries/);
});

test('medians and percentiles are those of the sorted samples', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 2, 4, 100]), 7);
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(percentile(hundred, 0.5), 50);
  assert.equal(percentile(hundred, 0.99), 99);
  assert.equal(percentile([3], 0.99), 3);
});

test('subjects take turns', async () => {
  const order = [];
  const results = await inTurn(['a', 'b'], 2, (subject, round) => order.push(`${subject}${round}`));
  assert.deepEqual(order, ['a0', 'b0', 'a1', 'b1']);
  assert.deepEqual(results, [
    [1, 3],
    [2, 4],
  ]);
});

test('a target is met at its bound, missed beyond it, and neither when not measured', () => {
  const report = new Report();
  report.target({ what: 'fast', value: 4, atLeast: 4 });
  report.target({ what: 'slow', value: 3.9, atLeast: 4 });
  report.target({ what: 'small', value: 40, atMost: 40, unit: 'bytes' });
  report.target({ what: 'large', value: 40.1, atMost: 40, unit: 'bytes' });
  report.target({ what: 'absent', value: undefined, atMost: 1 });
  report.target({ what: 'reported', value: 2 });
  const { targets } = report.toJSON();
  assert.deepEqual(
    targets.map(({ met }) => met),
    [true, false, true, false, null, null],
  );
  let printed = '';
  report.print((text) => {
    printed += text;
  });
  assert.match(printed, /slow +>= 4x +3\.9x +MISSED/);
  assert.match(printed, /absent .* not measured/);
});
