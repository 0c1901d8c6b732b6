// Types of the ESM entry of 'sluice/nestjs'.
export * from '../../dist/nestjs.js';
