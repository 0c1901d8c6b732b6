// The addon for Linux on x64 with musl (Alpine). The literal path shows it to bundlers and file tracers.

import type { Loaded } from './loaded.js';

export function load(): Loaded {
  try {
    return { addon: require('../../prebuilds/linux-x64-musl/sluice.node') };
  } catch (error) {
    return { error };
  }
}
