// The excess of a set of admissions over a token bucket's bound.

/**
 * The worst case over all intervals: the units admitted inside it beyond `capacity` plus `perMs` times its length; 0
 * if there is no excess. An admission, `{ start, end }` in ms, happened at some moment from start to end. So it counts
 * only in intervals that contain both, and the result is certainly an excess.
 */
export function worstOverAdmission(admissions, capacity, perMs) {
  // #{start >= t1 and end <= t2} - perMs * (t2 - t1) has its maximum where t1 is a start and t2 is an end.
  // So t2 runs over the ends, and a tree holds, for each start t1, the counted admissions and perMs * t1.
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

/** Below any real value, and near enough to keep its fractions. */
const CLOSED = -(2 ** 32);

/** An array with two operations: add one to a front part, and get the maximum. */
class MaxTree {
  #leaves = 1;
  #largest;
  /** The amount to add to all values below a node. */
  #more;

  constructor(count) {
    while (this.#leaves < count) this.#leaves *= 2;
    this.#largest = new Float64Array(2 * this.#leaves).fill(CLOSED);
    this.#more = new Float64Array(2 * this.#leaves);
  }

  max() {
    return this.#largest[1];
  }

  /** Makes the value at `index` count from now on: `value` plus all later additions. */
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
