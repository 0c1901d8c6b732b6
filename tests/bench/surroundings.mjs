// `checkSync` in surroundings that must not cost it anything: other limiters in the process, a block in the store, a
// second thread on the store. Each in a process of its own, which idles while the others have their turn.
import { fileURLToPath } from 'node:url';
import { Child } from './lib/child.mjs';
import { inTurn } from './lib/rounds.mjs';
import { median } from './lib/stats.mjs';

const CPU = 'checkSync by surroundings, CPU time per call';
const RATE = 'checkSync by threads on one store, calls';
const child = fileURLToPath(new URL('surroundings-child.mjs', import.meta.url));

export async function measureSurroundings(report, { rounds, quick, seed }) {
  const keyCount = quick ? 100 : 1000;
  const callCount = quick ? 20_000 : 1_000_000;
  const workload = `${keyCount.toLocaleString('en-US')} keys`;
  const measure = async (names, metric, unit) => {
    const subjects = names.map((name) => {
      const args = JSON.stringify({ name, seed, keyCount, callCount });
      return { name, process: new Child(child, [args]) };
    });
    try {
      const results = await inTurn(subjects, rounds, ({ process }) => process.call('run'));
      for (const [index, { name: subject }] of subjects.entries()) {
        report.add({ metric, unit, workload, subject, samples: results[index] });
      }
      return new Map(names.map((name, index) => [name, median(results[index])]));
    } finally {
      await Promise.all(subjects.map(({ process }) => process.stop()));
    }
  };
  const times = await measure(['alone', 'ten limiters', 'after a block'], CPU, 'ns');
  for (const name of ['ten limiters', 'after a block']) {
    const value = times.get(name) / times.get('alone');
    report.target({ what: `checkSync, ${name} against alone`, value, atMost: 1.05 });
  }
  const rates = await measure(['1', '2'], RATE, '1/s');
  const value = rates.get('2') / rates.get('1');
  report.target({ what: 'checkSync, two threads on one store against one', value, atLeast: 1.7 });
}
