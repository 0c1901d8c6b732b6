// Types of the ESM entry of 'sluice/nestjs-throttler'.
export * from '../../dist/nestjs-throttler.js';
