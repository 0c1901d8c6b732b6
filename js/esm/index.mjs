// The ESM entry: re-exports the one CommonJS build, so that every class exists once.
export * from '../../dist/index.js';
