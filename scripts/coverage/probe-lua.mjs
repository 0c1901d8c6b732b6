// Puts a probe at the start of every line of a Lua script that starts a statement, so that a Redis
// server writes to its log which lines it runs: node probe-lua.mjs IN OUT LINES.json
//
// Redis takes the debug library away from scripts, so no line hook can be set there. The probes leave
// every line where it is and touch no key. LINES.json holds the text and the numbers of the lines that
// have one.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { toolEnv } from '../lib/steps.mjs';

/** What the log says of line 12: `@line 12`. */
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

/** The lines that the compiler made instructions for. */
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
  // What would stand before these belongs to the block that they end.
  if (/^\s*(end|else|elseif|until)\b/.test(lines[number - 1])) continue;
  // A block can stand where a statement starts and nowhere else: the compiler says which lines do.
  // A function of one line runs when it is called, not where it is made.
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
