// Measures rivals in turn (A B C A B C ...), so that a machine that slows down slows all of them.

/**
 * Calls `measure(subject)` for every subject, `rounds` times over, and returns what it gave: one
 * array of results per subject, in the order of the subjects.
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
