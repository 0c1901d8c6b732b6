// Types of the ESM entry of 'sluice/testing'.
export * from '../../dist/testing.js';
