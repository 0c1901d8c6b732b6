// Bounds on the excess under a fault, for a token bucket; then the same per rule, `{ local, throw }`.

/** Only the store decides and it loses nothing: no excess. */
export const none = () => 0;

/**
 * Each process decides alone while the store is away. Each fault then grants, in each process, a bucket that may be
 * full at its start.
 */
export const localShares = ({ processes, faults, capacity, perSecond, faultSeconds }) =>
  processes * (faults * capacity + perSecond * faultSeconds);

/** A process that stopped decides its checks in flight alone, if they are too late when it continues. */
export const underWay = ({ faults, checksUnderWay }) => faults * checksUnderWay;

/** A key that the store has lost is new: a full bucket per loss. */
export const lostState = ({ losses = 0, capacity }) => losses * capacity;

/** Two masters at once: each admits the policy's refill in that time, and the new one may lack the old one's state. */
export const twoMasters = ({ losses = 0, capacity, perSecond, faultSeconds }) =>
  losses * capacity + perSecond * faultSeconds;

/** A clock that jumps forward adds the refill of the skipped time; a jump back adds nothing. */
export const skippedTime = ({ skippedSeconds = 0, perSecond }) => skippedSeconds * perSecond;

export const harmless = () => ({ local: none(), throw: none() });
/** An outage without a loss of state. */
export const away = (run) => ({ local: localShares(run), throw: none() });
/** An outage with a loss of state. */
export const forgetful = (run) => ({
  local: localShares(run) + lostState(run),
  throw: lostState(run),
});
export const frozen = (run) => ({ local: underWay(run), throw: none() });
export const evicting = (run) => ({ local: lostState(run), throw: lostState(run) });
export const skipping = (run) => ({ local: skippedTime(run), throw: skippedTime(run) });
export const split = (run) => ({
  local: localShares(run) + twoMasters(run),
  throw: twoMasters(run),
});
