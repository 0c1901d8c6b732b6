// Statistics of the checks under one rule.

import { worstOverAdmission } from './over-admission.mjs';

/**
 * Counts the checks under one rule, and those without an answer of the store, within the faults and outside of them
 * (`strays`). Also returns the worst over-admission of a key, and the times in ms of checks that met a fault.
 */
export function measure(checks, windows, { capacity, perSecond }) {
  const meets = ({ start, end }) => windows.some(({ from, to }) => start <= to && end >= from);
  const inFault = checks.filter(meets);
  const byKey = groupByKey(checks);
  const over = [...byKey.values()].map((ofKey) =>
    worstOverAdmission(
      ofKey.filter(({ admitted }) => admitted),
      capacity,
      perSecond / 1000,
    ),
  );
  const times = (windows.length > 0 ? inFault : checks).map(({ start, end }) => end - start);
  times.sort((a, b) => a - b);
  const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? 0;
  return {
    checks: checks.length,
    admitted: checks.filter(({ admitted }) => admitted).length,
    inFault: inFault.length,
    byRule: inFault.filter(({ byStore }) => !byStore).length,
    errors: checks.filter(({ outcome }) => outcome === 'error').length,
    strays: checks.filter((check) => !check.byStore && !meets(check)).length,
    over: Math.max(0, ...over),
    p50: quantile(0.5),
    p99: quantile(0.99),
    longest: times.at(-1) ?? 0,
  };
}

/** The store's faults outside of `windows`: their times by their text in `reasons`. */
export function strayReasons(reasons, windows) {
  const strays = Object.entries(reasons).map(([reason, times]) => [
    reason,
    times.filter((time) => !windows.some(({ from, to }) => time >= from && time <= to)).length,
  ]);
  return strays.filter(([, count]) => count > 0).map(([reason, count]) => `${count} ${reason}`);
}

function groupByKey(checks) {
  const groups = new Map();
  for (const check of checks) {
    const group = groups.get(check.key);
    if (group) group.push(check);
    else groups.set(check.key, [check]);
  }
  return groups;
}
