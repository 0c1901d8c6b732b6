// npm run sim -- [flags]: sets up, builds the simulator and runs it with the flags.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CommandFailed, cmake, root, setUp, toolEnv } from './lib/steps.mjs';

try {
  await setUp('sim');
  await cmake('sim', ['sluice-sim']);
  const program = join(root, 'build', 'sim', 'sim', 'sluice-sim');
  // In the folder npm was called from, so that relative paths in the flags mean what they say.
  const cwd = process.env.INIT_CWD ?? process.cwd();
  const { status } = spawnSync(program, process.argv.slice(2), {
    cwd,
    stdio: 'inherit',
    env: toolEnv(),
  });
  process.exitCode = status ?? 1;
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`sim: ${error.message}`);
  process.exitCode = 1;
}
