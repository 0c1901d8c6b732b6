// An empty project with the packed package installed, as a user would have it.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This checkout. */
export const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const npm = process.env.npm_execpath?.endsWith('.js')
  ? [process.execPath, process.env.npm_execpath]
  : ['npm'];

/** Resolves to `{ status, stdout, stderr }` for any exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const limits = { encoding: 'utf8', timeout: 300_000, maxBuffer: 64 << 20 };
    const child = execFile(command, args, { ...limits, ...options }, (error, stdout, stderr) => {
      if (error && typeof error.code === 'string') return reject(error);
      resolve({ status: error ? (error.code ?? error.signal) : 0, stdout, stderr });
    });
    child.stdin.end();
  });
}

/** Like `run`, but rejects unless the command succeeds. */
export async function succeed(command, args, options) {
  const result = await run(command, args, options);
  if (result.status === 0) return result;
  const text = `${result.stdout}\n${result.stderr}`;
  throw new Error(`${command} ${args.join(' ')} ended with ${result.status}\n${text}`);
}

export const runNpm = (args, options) => succeed(npm[0], [...npm.slice(1), ...args], options);

// npm passes its own settings to the scripts that it runs; a user's shell does not have them.
export function cleanEnv(extra = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_OPTIONS$|NODE_TEST_|INIT_CWD$)/i.test(name) || isRegistry(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

const isRegistry = (name) => /^npm_config_(registry|cache|userconfig|globalconfig)$/i.test(name);

/** Packs this checkout into `folder`; resolves to the tarball's path. */
export async function pack(folder) {
  await runNpm(['pack', '--pack-destination', folder], { cwd: root, env: cleanEnv() });
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  return join(folder, tarball);
}

/** The `skip` of a test that installs packages from the registry. */
export const skipUnlessFull =
  !process.env.SLUICE_FULL && 'installs from the registry: npm run test:full';

/**
 * Packs, and installs the tarball and `packages` into an empty project, without install scripts.
 * `path` is a PATH with node and nothing else on it: no compiler, no cmake.
 */
export async function installedProject(packages = ['express@5']) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-packaging-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    return { folder, remove, ...(await install(folder, packages)) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function install(folder, packages) {
  const tarball = await pack(folder);
  const path = join(folder, 'bin');
  await mkdir(path);
  await symlink(process.execPath, join(path, 'node'));
  const project = join(folder, 'project');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true }\n');
  const npmPath = npm.length > 1 ? path : process.env.PATH;
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await runNpm(['install', ...options, tarball, ...packages], {
    cwd: project,
    env: cleanEnv({ PATH: npmPath }),
  });
  return { project, tarball, path };
}

/** Gives a project packages of this checkout: types, other frameworks and limiters, and Redis clients. */
export async function linkTypes(project) {
  for (const name of ['@types', 'express-rate-limit', 'fastify', 'ioredis', 'redis']) {
    const path = join(project, 'node_modules', name);
    await rm(path, { recursive: true, force: true });
    await symlink(join(root, 'node_modules', name), path);
  }
}
