// Measures subjects in turn (A B C A B C ...), so that a slowdown of the machine affects all of them.

/**
 * Calls `measure(subject)` for every subject, `rounds` times, and returns one array of results per subject, in the
 * order of the subjects.
 */
export async function inTurn(subjects, rounds, measure) {
  const results = subjects.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      results[index].push(await measure(subject, round));
    }
  }
  return results;
}
