// The maker of each algorithm's policies, by the algorithm's name.

import {
  concurrency,
  fixedWindow,
  gcra,
  leakyBucket,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from 'sluice';

export const MAKERS = {
  tokenBucket,
  gcra,
  leakyBucket,
  fixedWindow,
  slidingWindow,
  slidingLog,
  concurrency,
};
