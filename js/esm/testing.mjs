// The ESM entry of 'sluice/testing': re-exports the one CommonJS build, so that every class exists once.
export * from '../../dist/testing.js';
