// The addon for macOS on arm64. The literal path shows it to bundlers and file tracers.

import type { Loaded } from './loaded.js';

export function load(): Loaded {
  try {
    return { addon: require('../../prebuilds/darwin-arm64/sluice.node') };
  } catch (error) {
    return { error };
  }
}
