// By how much a set of admissions passes what a token bucket may admit.

/**
 * The worst case over all intervals: how many units were admitted inside it beyond `capacity` and what `perMs` makes of
 * its length; 0 if none was beyond. An admission, `{ start, end }` in ms, was made at some moment from start to
 * end, and so counts only in intervals that hold both: what is found was certainly admitted too much.
 */
export function worstOverAdmission(admissions, capacity, perMs) {
  // #{start >= t1 and end <= t2} - perMs * (t2 - t1) is largest for some t1 that is a start and some t2 that is an
  // end. So t2 goes over the ends, while a tree holds, for each start t1, the admissions counted and perMs * t1.
  if (admissions.length === 0) return 0;
  const origin = admissions.reduce((least, { start }) => Math.min(least, start), Infinity);
  const byStart = admissions
    .map(({ start, end }) => ({ start: start - origin, end: end - origin }))
    .sort((a, b) => a.start - b.start);
  for (const [index, admission] of byStart.entries()) admission.index = index;
  const tree = new MaxTree(byStart.length);
  let worst = 0;
  for (const { start, end, index } of [...byStart].sort((a, b) => a.end - b.end)) {
    tree.open(index, perMs * start);
    tree.addUpTo(index);
    worst = Math.max(worst, tree.max() - perMs * end - capacity);
  }
  return worst;
}

/** Below any value that counts, and near enough to keep its fractions. */
const CLOSED = -(2 ** 32);

/** Values in a row, of which a front part grows by one; and the largest of them. */
class MaxTree {
  #leaves = 1;
  #largest;
  /** What is to be added to all below a node. */
  #more;

  constructor(count) {
    while (this.#leaves < count) this.#leaves *= 2;
    this.#largest = new Float64Array(2 * this.#leaves).fill(CLOSED);
    this.#more = new Float64Array(2 * this.#leaves);
  }

  max() {
    return this.#largest[1];
  }

  /** The value at `index` counts from now on, as much as `value` more than what was added to it before. */
  open(index, value) {
    let node = this.#leaves + index;
    this.#largest[node] += value - CLOSED;
    for (node >>= 1; node >= 1; node >>= 1) this.#gather(node);
  }

  /** Adds one to the values from 0 to `index`. */
  addUpTo(index) {
    let node = this.#leaves + index;
    this.#add(node);
    for (; node > 1; node >>= 1) {
      if (node & 1) this.#add(node - 1);
      this.#gather(node >> 1);
    }
  }

  #add(node) {
    this.#largest[node] += 1;
    this.#more[node] += 1;
  }

  #gather(node) {
    const below = Math.max(this.#largest[2 * node], this.#largest[2 * node + 1]);
    this.#largest[node] = below + this.#more[node];
  }
}
