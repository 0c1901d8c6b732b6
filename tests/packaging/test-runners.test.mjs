// The packed package under jest and Vitest: fake timers, open handles, several files in one process.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silence, startFakeRedis } from '../support/fake-redis.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { cleanEnv, installedProject, run, skipUnlessFull } from './support/project.mjs';

const imports = `
  const { createLimiter, memory, redis, tokenBucket } = require('sluice');
  const { dateClock } = require('sluice/testing');
  const two = () => tokenBucket({ capacity: 2, every: '1h' });
`;

// Sources of tests for jest; with `vi` for `fake`, for Vitest.
const fakeTimers = (fake) => `
  afterEach(() => ${fake}.useRealTimers());

  test('a check over Redis answers', async () => {
    ${fake}.useFakeTimers();
    const store = redis(process.env.REDIS_URL);
    const limiter = createLimiter({ policies: two(), store, prefix: 'fake', deadlineMs: 60_000 });
    const expected = { allowed: true, source: 'store' };
    expect(await limiter.check('k')).toMatchObject(expected);
    expect(await limiter.checkMany([{ key: 'm' }, { key: 'n' }])).toMatchObject([expected, expected]);
    await limiter.close();
  });

  test('a deadline holds over a server that never answers', async () => {
    ${fake}.useFakeTimers();
    const store = redis(process.env.SILENT_URL);
    const limiter = createLimiter({ policies: two(), store, deadlineMs: 50 });
    expect((await limiter.check('k')).source).toBe('local');
    await limiter.close();
  });
`;

const dates = (fake) => `
  afterEach(() => ${fake}.useRealTimers());

  test('dateClock() follows the date that a test sets', () => {
    ${fake}.useFakeTimers();
    for (const year of [1969, 2099]) {
      ${fake}.setSystemTime(new Date(year + '-12-31'));
      const limiter = createLimiter({ policies: two(), store: memory({ clock: dateClock() }) });
      const allowed = () => [1, 2, 3].map(() => limiter.checkSync('k').allowed);
      expect(allowed()).toEqual([true, true, false]);
      ${fake}.advanceTimersByTime(3_600_000);
      expect(allowed()).toEqual([true, true, false]);
    }
  });
`;

const jestFiles = {
  'fake-timers.test.js': `${imports}${fakeTimers('jest')}`,
  'dates.test.js': `${imports}${dates('jest')}`,
  'equality.test.js': `${imports}
    test('equality of decisions sees their policies', () => {
      const decision = createLimiter({ policies: two() }).checkSync('k');
      const { policies, ...rest } = decision;
      expect(policies).toHaveLength(1);
      expect({ ...decision }).toEqual(decision);
      expect({ ...rest, policies: [...policies] }).toEqual(decision);
      expect(rest).not.toEqual(decision);
    });
    test('an error is of the class that the test sees', () => {
      expect(() => tokenBucket({ capacity: 'x', every: '1s' })).toThrow(TypeError);
    });`,
  'import.test.js': `${imports} test('imports', () => {});`,
  'memory.test.js': `${imports}
    test('limits', () => {
      const limiter = createLimiter({ policies: two() });
      expect([1, 2, 3].map(() => limiter.checkSync('k').allowed)).toEqual([true, true, false]);
    });`,
};
// One name with different numbers on one Redis: each file closes its limiter.
for (const capacity of [2, 3]) {
  jestFiles[`files-${capacity}.test.js`] = `${imports}
    let limiter;
    beforeAll(() => {
      const policies = { calls: tokenBucket({ capacity: ${capacity}, every: '1h' }) };
      limiter = createLimiter({ policies, store: redis(process.env.REDIS_URL), deadlineMs: 60_000 });
    });
    afterAll(() => limiter.close());
    test('limits', async () => {
      expect(await limiter.check('k')).toMatchObject({ limit: ${capacity}, source: 'store' });
    });`;
}

describe('test runners', { skip: skipUnlessFull }, () => {
  let at;
  let server;
  let silent;
  const bin = (name) => join(at.project, 'node_modules', '.bin', name);
  const env = () =>
    cleanEnv({ REDIS_URL: server.url, SILENT_URL: silent.url, NO_COLOR: '1', CI: '1' });

  before(async () => {
    // The newest Vitest that runs on Node 20 is 4.
    at = await installedProject(['jest@30', 'vitest@4']);
    server = await startRedis();
    silent = await startFakeRedis(() => silence);
    for (const [name, text] of Object.entries(jestFiles)) {
      await writeFile(join(at.project, name), text);
    }
    const folder = join(at.project, 'vitest');
    await mkdir(folder);
    const globals = "import { afterEach, expect, test, vi } from 'vitest';";
    const asImports = imports.replaceAll(/const (\{.*\}) = require\((.*)\)/g, 'import $1 from $2');
    // Two files on one Redis, which may run at once.
    for (const name of ['one', 'two']) {
      const tests = fakeTimers('vi').replace("'fake'", `'vitest-${name}'`);
      await writeFile(join(folder, `${name}.spec.mjs`), globals + asImports + tests);
    }
    await writeFile(join(folder, 'dates.spec.mjs'), globals + asImports + dates('vi'));
  });
  after(async () => {
    await silent?.stop();
    await server?.stop();
    await at?.remove();
  });

  async function jest(...args) {
    const { status, stdout, stderr } = await run(bin('jest'), args, {
      cwd: at.project,
      env: env(),
    });
    assert.equal(status, 0, stdout + stderr);
    return stdout + stderr;
  }

  test("jest's fake timers stop neither checks over Redis nor deadlines", () =>
    jest('fake-timers'));

  test("jest's equality sees all of a decision, and its realm our errors", () => jest('equality'));

  for (const file of ['import', 'memory']) {
    test(`jest --detectOpenHandles finds none (${file})`, async () => {
      assert.doesNotMatch(await jest('--detectOpenHandles', file), /open handle/);
    });
  }

  test('two jest files in one worker give one policy name other numbers', () =>
    jest('--runInBand', 'files-'));

  async function vitest(...args) {
    const options = { cwd: at.project, env: env() };
    const { status, stdout, stderr } = await run(
      bin('vitest'),
      ['run', '--dir', 'vitest', ...args],
      options,
    );
    assert.equal(status, 0, stdout + stderr);
  }

  for (const pool of ['threads', 'forks']) {
    test(`Vitest runs in ${pool}, also with its fake timers`, () =>
      vitest(`--pool=${pool}`, 'one.spec', 'two.spec'));
  }

  test("dateClock() follows jest's system time", () => jest('dates.test'));
  test("dateClock() follows Vitest's system time", () => vitest('dates.spec'));
});
