// Compiles the application beside this file and starts it.
//
//   node examples/nestjs/start.mjs                  in this process's memory
//   REDIS_URL=redis://localhost:6379 node ...       one limit over all processes

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const project = fileURLToPath(new URL('tsconfig.json', import.meta.url));
execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });

const program = fileURLToPath(new URL('../../build/examples/nestjs/main.mjs', import.meta.url));
await import(pathToFileURL(program).href);
