// V8's collector, on demand: what one subject leaves behind is not the next one's to clear away.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects everything that can be collected, now. */
export const collectGarbage = runInNewContext('gc');
