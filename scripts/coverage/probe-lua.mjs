// Puts a probe before every line of a Lua script that starts a statement. A Redis server then logs
// the lines that it runs. Usage: node probe-lua.mjs IN OUT LINES.json
//
// Redis removes the debug library from scripts, so no line hook is possible. The probes keep every line
// at its place and touch no key. LINES.json holds the text and the numbers of the lines with a probe.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { toolEnv } from '../lib/steps.mjs';

/** Logs `@line 12` for line 12. */
const DEFINITION =
  'local ran_ = {} local function line_(n) if not ran_[n] then ran_[n] = true ' +
  "_G.redis.log(_G.redis.LOG_WARNING, '@line ' .. n) end end ";

const ONE_LINE_FUNCTION = /^(.*?\bfunction\b[^()]*\([^()]*\))( .*\bend\b.*)$/;

function luac(args, input) {
  return execFileSync('luac5.1', [...args, '-'], {
    input,
    encoding: 'utf8',
    env: toolEnv(),
    stdio: 'pipe',
  });
}

function compiles(text) {
  try {
    luac(['-p'], text);
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') throw error;
    return false;
  }
}

/** The lines for which the compiler made instructions. */
function activeLines(text) {
  const numbers = luac(['-l', '-p'], text).matchAll(/^\t\d+\t\[(\d+)\]/gm);
  return [...new Set([...numbers].map(([, line]) => Number(line)))].sort((a, b) => a - b);
}

const [input, output, list] = process.argv.slice(2);
const text = readFileSync(input, 'utf8');
const lines = text.split('\n');
const probed = lines.slice();
const numbers = [];
for (const number of activeLines(text)) {
  // A probe before these would belong to the block that they end.
  if (/^\s*(end|else|elseif|until)\b/.test(lines[number - 1])) continue;
  // A block is valid only where a statement starts: the compiler finds these lines.
  // A function on one line runs when it is called, not where it is defined.
  const [, head = '', body = lines[number - 1]] = lines[number - 1].match(ONE_LINE_FUNCTION) ?? [];
  const probe = `${head} do line_(${number}) end ${body}`;
  if (!compiles(lines.with(number - 1, probe).join('\n'))) continue;
  probed[number - 1] = probe;
  numbers.push(number);
}
probed[0] = DEFINITION + probed[0];
const result = probed.join('\n');
luac(['-p'], result);
writeFileSync(output, result);
writeFileSync(list, JSON.stringify({ text, probed: numbers }));
