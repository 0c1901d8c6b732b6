// The measured figures: printed for people, and returned for machines.

import { median } from './stats.mjs';
import { table } from './table.mjs';

export class Report {
  #results = [];
  #targets = [];

  /** One subject's samples of one metric under one workload. `unit` as printed: 'ns', '1/s'. */
  add({ metric, unit, workload, subject, samples }) {
    this.#results.push({
      metric,
      unit,
      workload,
      subject,
      median: median(samples),
      min: Math.min(...samples),
      max: Math.max(...samples),
      samples,
    });
  }

  /** The median measured, or undefined. */
  median(metric, workload, subject) {
    return this.#results.find(
      (r) => r.metric === metric && r.workload === workload && r.subject === subject,
    )?.median;
  }

  /**
   * A figure beside its target: `{ atLeast }`, `{ atMost }`, or neither (only reported).
   * Undefined or NaN: not measured, so neither met nor missed.
   */
  target({ what, value, atLeast, atMost, unit = 'x' }) {
    const measured = Number.isFinite(value);
    let met = null;
    if (measured && atLeast !== undefined) met = value >= atLeast;
    if (measured && atMost !== undefined) met = value <= atMost;
    this.#targets.push({ what, value: measured ? value : null, atLeast, atMost, unit, met });
  }

  print(write = (text) => process.stdout.write(text)) {
    for (const [title, results] of groupBy(this.#results, (r) => `${r.metric}, ${r.unit}`)) {
      const subjects = [...new Set(results.map((r) => r.subject))];
      const rows = [...groupBy(results, (r) => r.workload)].map(([workload, of]) => [
        workload,
        ...subjects.map((subject) => cell(of.find((r) => r.subject === subject))),
      ]);
      write(`\n${table([title, ...subjects], rows)}`);
    }
    const rows = this.#targets.map((t) => [t.what, bound(t), figure(t.value, t.unit), verdict(t)]);
    if (rows.length > 0)
      write(`\n${table(['against the targets', 'target', 'measured', ''], rows)}`);
  }

  toJSON() {
    return { results: this.#results, targets: this.#targets };
  }
}

function cell(result) {
  if (result === undefined) return '';
  const { median: middle, min, max, samples } = result;
  return samples.length === 1
    ? number(middle)
    : `${number(middle)} (${number(min)}-${number(max)})`;
}

function bound({ atLeast, atMost, unit }) {
  if (atLeast !== undefined) return `>= ${figure(atLeast, unit)}`;
  return atMost !== undefined ? `<= ${figure(atMost, unit)}` : 'reported';
}

function verdict({ value, met }) {
  if (value === null) return 'not measured';
  return met === null ? '' : met ? 'met' : 'MISSED';
}

function figure(value, unit) {
  if (value === null) return '-';
  return unit === 'x' ? `${number(value)}x` : `${number(value)} ${unit}`;
}

function number(value) {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}
