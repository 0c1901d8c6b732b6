// The ESM entry of 'sluice/express-rate-limit': re-exports the one CommonJS build, so that every class exists once.
export * from '../../dist/express-rate-limit.js';
