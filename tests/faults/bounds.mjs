// How far a limit can be passed under a fault, for a token bucket.

/** The store alone decides, and forgets nothing: not at all. */
export const none = () => 0;

/**
 * Each process decides alone while the store is away: for each fault, and in each process, a bucket that may be full
 * when it begins.
 */
export const localShares = ({ processes, faults, capacity, perSecond, faultSeconds }) =>
  processes * (faults * capacity + perSecond * faultSeconds);

/** A key that the store has lost is new: a full bucket for each loss. */
export const lostState = ({ losses = 0, capacity }) => losses * capacity;

/** A clock that is put forward makes the refill of the time that it skips; put back, it makes nothing. */
export const skippedTime = ({ skippedSeconds = 0, perSecond }) => skippedSeconds * perSecond;
