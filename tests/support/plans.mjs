// Plans and policies of parts of the key, as the tests of the Express middleware have them.

import { fixedWindow, tokenBucket } from 'sluice';

export const plans = {
  free: { daily: fixedWindow({ limit: 2, window: '1d' }) },
  pro: {
    daily: fixedWindow({ limit: 5, window: '1d' }),
    burst: tokenBucket({ capacity: 4, every: '10s' }),
  },
};
export const tenantPolicies = () => ({
  tenant: tokenBucket({ capacity: 3, every: '10d', by: 'tenant' }),
  user: tokenBucket({ capacity: 2, every: '10d', by: ['tenant', 'user'] }),
});
