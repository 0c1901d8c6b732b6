// How far a limit can be passed under a fault, for a token bucket; then the same for each rule, `{ local, throw }`.

/** The store alone decides, and forgets nothing: not at all. */
export const none = () => 0;

/**
 * Each process decides alone while the store is away: for each fault, and in each process, a bucket that may be full
 * when it begins.
 */
export const localShares = ({ processes, faults, capacity, perSecond, faultSeconds }) =>
  processes * (faults * capacity + perSecond * faultSeconds);

/** What is under way when a process stops it decides alone, when it goes on and it is too late. */
export const underWay = ({ faults, checksUnderWay }) => faults * checksUnderWay;

/** A key that the store has lost is new: a full bucket for each loss. */
export const lostState = ({ losses = 0, capacity }) => losses * capacity;

/** Two masters at once: each gives what the policy gives in that time, and the new one may lack what the old one knew. */
export const twoMasters = ({ losses = 0, capacity, perSecond, faultSeconds }) =>
  losses * capacity + perSecond * faultSeconds;

/** A clock that is put forward makes the refill of the time that it skips; put back, it makes nothing. */
export const skippedTime = ({ skippedSeconds = 0, perSecond }) => skippedSeconds * perSecond;

export const harmless = () => ({ local: none(), throw: none() });
/** Away, and back with all that it knew. */
export const away = (run) => ({ local: localShares(run), throw: none() });
/** Away, and back without what it knew. */
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
