// The ESM entry of 'sluice/nestjs-throttler': re-exports the one CommonJS build, so that every class exists once.
export * from '../../dist/nestjs-throttler.js';
