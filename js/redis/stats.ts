// Sums the counts of several servers.

import type { RedisNodeStats, RedisStats, UnsummedField } from '../limiter/stats.js';

export function totalOf(others: RedisNodeStats, ...nodes: readonly RedisNodeStats[]): RedisStats {
  const all = [others, ...nodes];
  type Count = Exclude<keyof RedisNodeStats, UnsummedField | 'meanBatch'>;
  const sum = (name: Count) => all.reduce((total, node) => total + node[name], 0);
  const most = (name: Count) => all.reduce((worst, node) => Math.max(worst, node[name]), 0);
  const batched = all.reduce((total, { batches, meanBatch }) => total + batches * meanBatch, 0);
  const batches = sum('batches');
  return {
    connected: nodes.length > 0 && nodes.every(({ connected }) => connected),
    breakerOpenings: sum('breakerOpenings'),
    submitted: sum('submitted'),
    completed: sum('completed'),
    timeouts: sum('timeouts'),
    shed: sum('shed'),
    faults: sum('faults'),
    retries: sum('retries'),
    batches,
    meanBatch: batches === 0 ? 0 : batched / batches,
    largestBatch: most('largestBatch'),
    reconnects: sum('reconnects'),
    scriptReloads: sum('scriptReloads'),
    queueDepth: sum('queueDepth'),
    p50Ms: most('p50Ms'),
    p99Ms: most('p99Ms'),
    p999Ms: most('p999Ms'),
    nodes,
  };
}
