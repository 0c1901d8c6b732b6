// Memory per key: the growth of a fresh process that holds many keys. One child process per figure.
import { fileURLToPath } from 'node:url';
import { Child } from './lib/child.mjs';
import { ALGORITHMS } from './memory-subjects.mjs';

const METRIC = 'memory per key held';
const child = fileURLToPath(new URL('footprint-child.mjs', import.meta.url));

// V8 grows its nursery to tens of MB by itself. That is the caller's garbage, not memory of keys.
const NURSERY = ['--min-semi-space-size=1', '--max-semi-space-size=1'];

export async function measureFootprint(report, { quick, sluice }) {
  const million = quick ? 20_000 : 1_000_000;
  const subjects = [
    ...(sluice
      ? [
          { subject: 'sluice, maxKeys 1M', kind: 'sluice', maxKeys: million },
          { subject: 'sluice, maxKeys 10M', kind: 'sluice', maxKeys: 10 * million },
        ]
      : []),
    { subject: 'rate-limiter-flexible', kind: 'flexible' },
    { subject: 'express-rate-limit', kind: 'express' },
  ];
  for (const share of [0.25, 0.5, 1]) {
    const keys = million * share;
    for (const { subject, kind, maxKeys } of subjects) {
      const bytes = await bytesPerKey({ kind, keys, maxKeys });
      const workload = `${keys.toLocaleString('en-US')} keys`;
      report.add({ metric: METRIC, unit: 'bytes', workload, subject, samples: [bytes] });
    }
  }
  if (sluice) await measureAlgorithms(report, million);
  const most = `${million.toLocaleString('en-US')} keys`;
  for (const maxKeys of ['1M', '10M']) {
    report.target({
      what: `memory per key, ${most}, maxKeys ${maxKeys}`,
      value: report.median(METRIC, most, `sluice, maxKeys ${maxKeys}`),
      atMost: 40,
      unit: 'bytes',
    });
  }
}

// One call per key: one entry of a log, one slot of a concurrency limit.
async function measureAlgorithms(report, keys) {
  for (const algorithm of Object.keys(ALGORITHMS)) {
    const bytes = await bytesPerKey({ kind: 'sluice', algorithm, keys, maxKeys: 2 * keys });
    report.add({
      metric: `${METRIC}, by algorithm`,
      unit: 'bytes',
      workload: `${keys.toLocaleString('en-US')} keys, maxKeys twice that`,
      subject: algorithm,
      samples: [bytes],
    });
  }
}

async function bytesPerKey(params) {
  const process = new Child(child, [], NURSERY);
  try {
    const { grownBytes, held } = await process.call('grow', params);
    return grownBytes / held;
  } finally {
    await process.stop();
  }
}
