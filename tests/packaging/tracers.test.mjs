// File tracers and bundlers find the addon of the packed package, or leave the package out.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../support/ports.mjs';
import {
  cleanEnv,
  installedProject,
  root,
  run,
  skipUnlessFull,
  succeed,
} from './support/project.mjs';

const addon = join(
  'node_modules/sluice/prebuilds',
  `${process.platform}-${process.arch}`,
  'sluice.node',
);

describe('tracers and bundlers', { skip: skipUnlessFull }, () => {
  let at;
  const program = () => join(at.project, 'node_modules', '.bin');

  before(async () => {
    at = await installedProject([
      '@vercel/nft@1',
      '@vercel/ncc@0.45',
      'esbuild@0.28',
      'webpack@5',
      'node-loader@2',
    ]);
    const limits = join(root, 'tests', 'packaging', 'programs', 'limits.mjs');
    await cp(limits, join(at.project, 'limits.mjs'));
  });
  after(() => at?.remove());

  /** Moves a bundler's output to a folder without node_modules nearby, and runs it there. */
  async function assertRunsAlone(file) {
    const alone = join(at.folder, 'alone');
    await rm(alone, { recursive: true, force: true });
    await cp(dirname(file), alone, { recursive: true });
    await rm(dirname(file), { recursive: true });
    const { stdout, stderr } = await run(
      process.execPath,
      [join(alone, file.slice(dirname(file).length + 1))],
      { cwd: alone, env: cleanEnv({ PATH: at.path }) },
    );
    assert.equal(stdout, 'true false\n', stderr);
  }

  async function assertRunsHere(file) {
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: at.project });
    assert.equal(stdout, 'true false\n', stderr);
  }

  const esbuild = (out, ...options) =>
    run(
      join(program(), 'esbuild'),
      ['limits.mjs', '--bundle', '--platform=node', `--outfile=${out}`, ...options],
      { cwd: at.project, env: cleanEnv() },
    );

  test('@vercel/nft lists the addon, and the files that it lists are enough', async () => {
    const require = createRequire(join(at.project, 'package.json'));
    const { nodeFileTrace } = require('@vercel/nft');
    const { fileList } = await nodeFileTrace([join(at.project, 'limits.mjs')], {
      base: at.project,
    });
    assert.ok(fileList.has(addon), [...fileList].join('\n'));
    const traced = join(at.folder, 'traced');
    for (const name of fileList) {
      await mkdir(dirname(join(traced, name)), { recursive: true });
      await cp(join(at.project, name), join(traced, name));
    }
    await assertRunsAlone(join(traced, 'limits.mjs'));
  });

  test('esbuild leaves sluice out with --external:sluice', async () => {
    const { status, stderr } = await esbuild('external.cjs', '--external:sluice');
    assert.equal(status, 0, stderr);
    await assertRunsHere('external.cjs');
  });

  test('esbuild bundles the addon with --loader:.node=copy', async () => {
    const { status, stderr } = await esbuild('esbuild/app.cjs', '--loader:.node=copy');
    assert.equal(status, 0, stderr);
    await assertRunsAlone(join(at.project, 'esbuild', 'app.cjs'));
  });

  test('esbuild without either fails and names the addon', async () => {
    const { status, stderr } = await esbuild('neither.cjs');
    assert.notEqual(status, 0);
    assert.match(stderr, /sluice\.node/);
  });

  test('webpack leaves sluice out as an external, or bundles it with node-loader, and fails without', async () => {
    await writeFile(
      join(at.project, 'bundle.cjs'),
      `const [externals] = process.argv.slice(2);
       const options = { entry: './limits.mjs', target: 'node', mode: 'production',
         output: { path: __dirname, filename: 'webpack.cjs' }, externals: JSON.parse(externals) };
       if (process.argv[3]) {
         options.output = { path: __dirname + '/bundled', filename: 'webpack.cjs' };
         options.module = { rules: [{ test: /\\.node$/, loader: 'node-loader' }] };
         options.node = { __dirname: false };
       }
       require('webpack')(options, (error, stats) => {
         if (error) throw error;
         for (const { message, moduleName } of stats.toJson().errors) console.log(moduleName, message);
       });`,
    );
    const bundle = async (externals, ...more) => {
      const args = ['bundle.cjs', JSON.stringify(externals), ...more];
      return (await succeed(process.execPath, args, { cwd: at.project })).stdout;
    };
    assert.match(await bundle({}), /sluice\.node/);
    assert.equal(await bundle({ sluice: 'commonjs sluice' }), '');
    await assertRunsHere('webpack.cjs');
    assert.equal(await bundle({}, 'bundled'), '');
    await assertRunsAlone(join(at.project, 'bundled', 'webpack.cjs'));
  });

  test('ncc copies the addon', async () => {
    const options = { cwd: at.project, env: cleanEnv() };
    await succeed(join(program(), 'ncc'), ['build', 'limits.mjs', '-o', 'ncc'], options);
    await assertRunsAlone(join(at.project, 'ncc', 'index.mjs'));
  });
});

const nextFiles = {
  'next.config.mjs': `export default {
    output: 'standalone',
    serverExternalPackages: ['sluice'],
    outputFileTracingRoot: import.meta.dirname,
  };`,
  'app/layout.js':
    'export default function Layout({ children }) { return <html><body>{children}</body></html>; }',
  'app/limit/route.js': `
    import { createLimiter, tokenBucket } from 'sluice';
    export const dynamic = 'force-dynamic';
    const limiter = createLimiter({ policies: tokenBucket({ capacity: 2, every: '1h' }) });
    export async function GET() {
      const { allowed } = await limiter.check('all');
      return Response.json({ allowed }, { status: allowed ? 200 : 429 });
    }`,
};

for (const version of [15, 16]) {
  describe(`Next.js ${version}`, { skip: skipUnlessFull }, () => {
    let at;
    before(async () => {
      at = await installedProject([`next@${version}`, 'react@19', 'react-dom@19']);
      for (const [name, text] of Object.entries(nextFiles)) {
        await mkdir(dirname(join(at.project, name)), { recursive: true });
        await writeFile(join(at.project, name), text);
      }
    });
    after(() => at?.remove());

    test("output: 'standalone' has the addon, and its server limits", async () => {
      const env = cleanEnv({ NEXT_TELEMETRY_DISABLED: '1' });
      const next = join(at.project, 'node_modules', 'next', 'dist', 'bin', 'next');
      const building = { cwd: at.project, env, timeout: 1_200_000 };
      await succeed(process.execPath, [next, 'build'], building);
      const standalone = join(at.folder, 'standalone');
      // Turbopack gives external packages another name, by a relative link.
      const asLinked = { recursive: true, verbatimSymlinks: true };
      await cp(join(at.project, '.next', 'standalone'), standalone, asLinked);
      assert.ok((await readFile(join(standalone, addon))).length > 0);
      // The server must not find the original files.
      await rm(at.project, { recursive: true });

      const port = await freePort();
      const server = spawn(process.execPath, ['server.js'], {
        cwd: standalone,
        env: { ...env, PORT: String(port), HOSTNAME: '127.0.0.1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      try {
        let told = '';
        await new Promise((resolve, reject) => {
          const read = (data) => {
            told += data;
            if (/Ready in/.test(told)) resolve();
          };
          server.stdout.on('data', read);
          server.stderr.on('data', read);
          server.once('exit', (code) =>
            reject(new Error(`the server ended with ${code}\n${told}`)),
          );
        });
        const statuses = [];
        for (let i = 0; i < 3; i += 1) {
          const response = await fetch(`http://127.0.0.1:${port}/limit`);
          statuses.push(response.status);
          await response.text();
        }
        assert.deepEqual(statuses, [200, 200, 429], told);
      } finally {
        server.removeAllListeners('exit');
        server.kill('SIGKILL');
      }
    });
  });
}
