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

  test('GraphQL with Apollo: header fields reach the response, and subscriptions work', async (t) => {
    const at = await installedProject([
      ...['common', 'core', 'platform-express'].map((name) => `@nestjs/${name}@12`),
      '@nestjs/graphql@14',
      '@nestjs/apollo@14',
      '@apollo/server@5',
      '@as-integrations/express5@1',
      'graphql@16',
      'graphql-ws@6',
      'ws@8',
      'reflect-metadata@0.2',
      'rxjs@7',
    ]);
    t.after(() => at.remove());
    const program = 'nestjs-graphql.mjs';
    await cp(join(root, 'tests', 'packaging', 'programs', program), join(at.project, program));
    const options = { cwd: at.project, env: cleanEnv({ NO_COLOR: '1' }) };
    const { status, stderr } = await run(process.execPath, [program], options);
    assert.equal(status, 0, stderr);
  });
});
