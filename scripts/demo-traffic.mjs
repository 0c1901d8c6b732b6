// The demo's traffic: callers of different pace, bounded in count and so in time.

import http from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { DemoError } from './demo-error.mjs';

const SECONDS = 3;

/** Who calls, and how often. The example API knows them by these keys. */
export const callers = [
  { name: 'steady', apiKey: 'steady-key', perSecond: 2 },
  { name: 'busy', apiKey: 'busy-key', perSecond: 12 },
  { name: 'runaway', apiKey: 'runaway-key', perSecond: 60 },
];

function get(url, apiKey, agent) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, headers: { 'x-api-key': apiKey } }, (response) => {
      const { statusCode, statusMessage, headers, rawHeaders } = response;
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ statusCode, statusMessage, headers, rawHeaders, body }));
    });
    request.on('error', reject);
  });
}

/** One caller: a request every so often, to one URL after the other, whether or not the last was answered. */
async function drive({ name, apiKey, perSecond }, urls, agent) {
  const counts = { name, perSecond, sent: 0, allowed: 0, limited: 0, denial: undefined };
  const begun = performance.now();
  const answers = [];
  for (; counts.sent < perSecond * SECONDS; counts.sent++) {
    const early = begun + (counts.sent * 1000) / perSecond - performance.now();
    if (early > 0) await setTimeout(early);
    const answer = get(urls[counts.sent % urls.length], apiKey, agent);
    answer.catch(() => {}); // A failure is met below, where all are awaited.
    answers.push(answer);
  }
  for (const answer of await Promise.all(answers)) {
    if (answer.statusCode === 200) counts.allowed += 1;
    else if (answer.statusCode === 429) counts.limited += 1;
    else throw new DemoError(`a server answered ${answer.statusCode}: ${answer.body}`);
    if (answer.statusCode === 429) counts.denial ??= answer;
  }
  return counts;
}

/**
 * Lets every caller loose on the servers, in turn from one URL to the next.
 * Resolves to what happened to each, and to the seconds that passed from the first request to the last answer.
 */
export async function sendTraffic(urls) {
  const agent = new http.Agent({ keepAlive: true });
  const begun = performance.now();
  try {
    const results = await Promise.all(callers.map((caller) => drive(caller, urls, agent)));
    return { results, seconds: (performance.now() - begun) / 1000 };
  } finally {
    agent.destroy();
  }
}
