// The demo's traffic: callers with different rates and a fixed number of requests.

import http from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { DemoError } from './demo-error.mjs';

const SECONDS = 3;

/** The callers and their rates. The example API knows them by these keys. */
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

/** Sends one caller's requests at a fixed rate, to the URLs in turn, without waiting for answers. */
async function drive({ name, apiKey, perSecond }, urls, agent) {
  const counts = { name, perSecond, sent: 0, allowed: 0, limited: 0, denial: undefined };
  const begun = performance.now();
  const answers = [];
  for (; counts.sent < perSecond * SECONDS; counts.sent++) {
    const early = begun + (counts.sent * 1000) / perSecond - performance.now();
    if (early > 0) await setTimeout(early);
    const answer = get(urls[counts.sent % urls.length], apiKey, agent);
    answer.catch(() => {}); // A failure is handled below, where all are awaited.
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
 * Starts all callers against the servers, each from one URL to the next. Resolves to the results of each, and to
 * the seconds from the first request to the last answer.
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
