// Types of the ESM entry.
export * from '../../dist/index.js';
