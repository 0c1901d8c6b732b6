// Types of the ESM entry of 'sluice/express-rate-limit'.
export * from '../../dist/express-rate-limit.js';
