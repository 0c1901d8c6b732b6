// A worker's record of a check: five numbers, `start, end, key, rule, outcome`.

/** ms on a clock that all processes of a machine share. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;

/** The outcomes of a check; a record holds the index. */
export const OUTCOMES = [
  'store:admitted',
  'store:denied',
  'cache:denied',
  'local:admitted',
  'local:denied',
  'allow:admitted',
  'deny:denied',
  'error',
];

/** The checks of one worker: `{ start, end, key, rule, outcome, admitted, byStore }`; `rule` by its name. */
export function readRecords(numbers, rules) {
  const checks = [];
  for (let i = 0; i < numbers.length; i += 5) {
    const [start, end, key, rule, index] = numbers.subarray(i, i + 5);
    const outcome = OUTCOMES[index];
    checks.push({
      start,
      end,
      key,
      rule: rules[rule],
      outcome,
      admitted: outcome.endsWith(':admitted'),
      byStore: outcome.startsWith('store:'),
    });
  }
  return checks;
}
