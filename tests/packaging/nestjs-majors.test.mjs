// Each major version of NestJS runs the features of sluice/nestjs, by import and by require, from the packed package.

import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { cleanEnv, installedProject, root, run, skipUnlessFull } from './support/project.mjs';

const PACKAGES = [
  'common',
  'core',
  'microservices',
  'platform-express',
  'platform-fastify',
  'testing',
];

describe('NestJS', { skip: skipUnlessFull }, () => {
  for (const major of [10, 11, 12]) {
    test(`NestJS ${major} limits, by import and by require`, async (t) => {
      const at = await installedProject([
        ...PACKAGES.map((name) => `@nestjs/${name}@${major}`),
        'reflect-metadata@0.2',
        'rxjs@7',
      ]);
      t.after(() => at.remove());
      const installed = join(at.project, 'node_modules', '@nestjs', 'core', 'package.json');
      assert.match(
        JSON.parse(await readFile(installed, 'utf8')).version,
        new RegExp(`^${major}\\.`),
      );
      await cp(join(root, 'tests', 'packaging', 'programs'), at.project, { recursive: true });
      for (const program of ['nestjs-import.mjs', 'nestjs-require.cjs']) {
        const env = cleanEnv({ NEST_MAJOR: String(major), NO_COLOR: '1' });
        const { status, stderr } = await run(process.execPath, [program], { cwd: at.project, env });
        assert.equal(status, 0, `${program}: ${stderr}`);
      }
    });
  }
});
