// The return value of a file of this folder: the addon, or the reason why it did not load.

export interface Loaded {
  readonly addon?: unknown;
  readonly error?: unknown;
}
