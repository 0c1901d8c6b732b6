// V8's collector on demand, so that no subject pays for the garbage of another.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects everything that can be collected, now. */
export const collectGarbage = runInNewContext('gc');
