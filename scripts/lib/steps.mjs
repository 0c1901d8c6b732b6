// Helpers of the runners: the project's folder, starting tools, and timed steps.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's top folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The number of compilers to run at once. */
export const jobs = String(availableParallelism());

/** The environment of tools: programs and libraries unpacked by scripts/setup.sh come first. */
export function toolEnv(extra = {}) {
  const unpacked = join(root, '.deps/usr');
  if (!existsSync(unpacked)) return { ...process.env, ...extra };
  const libraries = readdirSync(join(unpacked, 'lib'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.includes('-linux-'))
    .map((entry) => join(unpacked, 'lib', entry.name));
  const prepend = (paths, old) => [...paths, ...(old ? [old] : [])].join(delimiter);
  return {
    ...process.env,
    PATH: prepend([join(unpacked, 'bin')], process.env.PATH),
    LD_LIBRARY_PATH: prepend(libraries, process.env.LD_LIBRARY_PATH),
    ...extra,
  };
}

/** A command that failed; its output has been shown. Without `status`, the first argument is the whole message. */
export class CommandFailed extends Error {
  constructor(command, status) {
    super(status === undefined ? command : `${command} ended with ${status}`);
    this.name = 'CommandFailed';
  }
}

/**
 * Runs a command in the project's folder. With `quiet` its output is shown only if it fails.
 * Rejects with CommandFailed unless the exit code is 0.
 */
export function run(command, args, { quiet = false, env = {}, cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit';
    const child = spawn(command, args, { cwd, env: toolEnv(env), stdio });
    const output = [];
    child.stdout?.on('data', (data) => output.push(data));
    child.stderr?.on('data', (data) => output.push(data));
    child.on('error', (error) => reject(new CommandFailed(command, error.message)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      const shown = args.length > 8 ? [...args.slice(0, 8), '...'] : args;
      reject(new CommandFailed([command, ...shown].join(' '), signal ?? `exit code ${code}`));
    });
  });
}

/** Installs or unpacks the needs of `command` (demo, test, sim, bench, check, coverage). */
export function setUp(command) {
  return run('bash', [join('scripts', 'setup.sh'), command]);
}

/** The dev preset adds the tests to the release build: libraries are compiled once. */
function configured(preset) {
  const folder = join(root, 'build', preset === 'dev' ? 'release' : preset);
  if (!existsSync(join(folder, 'Makefile'))) return false;
  const cache = readFileSync(join(folder, 'CMakeCache.txt'), 'utf8');
  return preset !== 'dev' || cache.includes('SLUICE_TESTS:BOOL=ON');
}

/** Configures (once) and builds a CMake preset. */
export async function cmake(preset, targets = []) {
  if (!configured(preset)) await run('cmake', ['--preset', preset], { quiet: true });
  const only = targets.length > 0 ? ['--target', ...targets] : [];
  await run('cmake', ['--build', '--preset', preset, '--parallel', jobs, ...only], { quiet: true });
}

/** Compiles the TypeScript to dist/. */
export function compileTypeScript() {
  return run('node', [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], {
    quiet: true,
  });
}

/** Builds the addon (release build) and dist/, which `import 'sluice'` needs in this checkout. */
export async function buildPackage() {
  // An interrupted `npm pack` leaves an old binary here, which would be loaded instead of the new one.
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  await cmake('release', ['sluice_addon']);
  await compileTypeScript();
}

/** Prints the name of a step, runs it, prints its time. */
export async function step(name, action) {
  const begun = performance.now();
  const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
  console.log(`\n== ${name}`);
  try {
    const result = await action();
    console.log(`== ${name}: ${seconds()}`);
    return result;
  } catch (error) {
    console.log(`== ${name}: FAILED after ${seconds()}`);
    throw error;
  }
}
