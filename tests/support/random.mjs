// Random numbers that a seed repeats.

/** The seed of this run: `SLUICE_SEED`, or a new one. The caller prints it. */
export function testSeed() {
  return Number(process.env.SLUICE_SEED ?? Math.floor(Math.random() * 2 ** 32));
}

/** A generator of numbers in [0, 1): mulberry32. The same seed gives the same numbers. */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same as whole numbers from 0 to below its argument. */
export function seededNumbers(seed) {
  const random = seededRandom(seed);
  return (below) => Math.floor(random() * below);
}
