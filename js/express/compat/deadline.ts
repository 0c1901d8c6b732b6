// The deadline of foreign stores, which may never answer: clients queue commands while they have no connection.

import { isPromise } from '../../http/guard.js';
import { SluiceError } from '../../limiter/errors.js';
import { clearTimeout, monotonicMs, setImmediate, setTimeout } from '../../limiter/timers.js';
import type { IncrementResponse, Store } from './types.js';

/** Above the time that a sleeping database needs to wake up. */
const DEADLINE_MS = 5_000;

type Increment = (key: string) => Promise<IncrementResponse> | IncrementResponse;

function noAnswer(deadlineMs: number): SluiceError {
  const message = `rateLimit.store did not answer within ${deadlineMs} ms`;
  return new SluiceError('ERR_SLUICE_STORE_UNAVAILABLE', message);
}

/**
 * The store's `increment`, which rejects if there is no answer within the deadline. After that, until the store
 * answers, one call per deadline asks it, and all others fail at once.
 *
 * @returns a function that throws or rejects with `ERR_SLUICE_STORE_UNAVAILABLE`
 */
export function withDeadline(
  store: Pick<Store, 'increment'>,
  deadlineMs = DEADLINE_MS,
  nowMs = monotonicMs,
): Increment {
  /** The time of the next question to a silent store. */
  let askAgainAt: number | undefined;
  return (key) => {
    if (askAgainAt !== undefined) {
      const now = nowMs();
      if (now < askAgainAt) throw noAnswer(deadlineMs);
      askAgainAt = now + deadlineMs;
    }
    const answer = store.increment(key);
    if (!isPromise(answer)) return answer;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const giveUp = () => {
        if (isOver) return;
        askAgainAt = nowMs() + deadlineMs;
        reject(noAnswer(deadlineMs));
      };
      // After a long pause of this process, an answer may be there, and is read before the immediate runs.
      const timer = setTimeout(() => setImmediate(giveUp), deadlineMs).unref();
      const answered = () => {
        isOver = true;
        clearTimeout(timer);
        askAgainAt = undefined;
      };
      answer.then(
        (hits) => {
          answered();
          resolve(hits);
        },
        (error) => {
          answered();
          reject(error);
        },
      );
    });
  };
}
