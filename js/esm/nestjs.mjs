// The ESM entry of 'sluice/nestjs': re-exports the one CommonJS build, so that every class and token exists once.
export * from '../../dist/nestjs.js';
