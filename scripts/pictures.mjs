// node scripts/pictures.mjs: makes docs/images/*.png with the simulator.
// The same version on the same machine makes the same bytes. Without a display it starts Xvfb.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CommandFailed, cmake, root, run, setUp, toolEnv } from './lib/steps.mjs';

// A few steady requests, then a burst after a pause.
const burst = '--rate 7 --seed 4 --send 26@6.2s..6.8s';
// A burst on each side of a clock window's boundary at 4 s.
const boundary = '--rate 2 --seed 6 --send 20@3.5s..3.9s --send 20@4.1s..4.5s --at 4.9';

/** The simulator's flags for each picture. */
const pictures = {
  simulator: '--seed 4 --at 10',
  'token-bucket': `${burst} --at 6.86`,
  gcra: `--algorithm gcra --limit 10 --burst 20 ${burst} --at 6.86`,
  'leaky-bucket': `--algorithm leakyBucket --mode shape ${burst} --at 7.6 --size 920x716`,
  'fixed-window': `--algorithm fixedWindow --align clock ${boundary}`,
  'sliding-window': `--algorithm slidingWindow ${boundary}`,
  'sliding-log': `--algorithm slidingLog ${boundary}`,
  concurrency: '--algorithm concurrency --seed 4 --at 9.95',
};

/** Starts a display. Resolves to its name and a function that ends it. */
function startDisplay() {
  return new Promise((resolve, reject) => {
    const args = ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'];
    const server = spawn('Xvfb', args, {
      env: toolEnv(),
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    server.on('error', (error) => reject(new CommandFailed('Xvfb', error.message)));
    server.on('exit', (code) => reject(new CommandFailed('Xvfb', `exit code ${code}`)));
    server.stdio[3].once('data', (name) =>
      resolve({ name: `:${String(name).trim()}`, end: () => server.kill() }),
    );
  });
}

let display;
try {
  await setUp('sim');
  await cmake('sim', ['sluice-sim']);
  const program = join(root, 'build', 'sim', 'sim', 'sluice-sim');
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) display = await startDisplay();
  const env = display ? { DISPLAY: display.name } : {};
  for (const [name, flags] of Object.entries(pictures)) {
    const file = join('docs', 'images', `${name}.png`);
    const size = flags.includes('--size') ? [] : ['--size', '1040x716'];
    await run(program, ['--screenshot', file, ...size, ...flags.split(' ')], { env });
    console.log(`${file}: sluice-sim ${flags}`);
  }
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`pictures: ${error.message}`);
  process.exitCode = 1;
} finally {
  display?.end();
}
