// npm run build: sets up, then builds the addon and dist/, which `import 'sluice'` needs. Incremental.

import { buildPackage, CommandFailed, setUp } from './lib/steps.mjs';

try {
  await setUp('demo');
  await buildPackage();
} catch (error) {
  if (!(error instanceof CommandFailed)) throw error;
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
