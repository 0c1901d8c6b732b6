// Gives charges back by the response: "count only what failed", or only what succeeded.

import { errorMonitor } from 'node:events';
import type { ServerResponse } from 'node:http';
import { whenClosed } from './response.js';

/** Which requests count. */
export interface RefundOptions {
  /** True: a request whose response fails is not counted. It is charged when it comes and given back at the end. Default false. */
  skipFailedRequests?: boolean;
  /** True: a request whose response succeeds is not counted. Default false. */
  skipSuccessfulRequests?: boolean;
}

/**
 * Calls `go` once: with true when the response has been handed over completely, with false when it fails or its client
 * hangs up before the end of it was written.
 */
export function whenEnded(response: ServerResponse, go: (isComplete: boolean) => void): void {
  let isOver = false;
  const once = (isComplete: boolean) => {
    if (isOver) return;
    isOver = true;
    go(isComplete);
  };
  if (response.writableFinished) {
    once(true);
    return;
  }
  response.once('finish', () => once(true));
  // The monitor leaves the error to others.
  response.once(errorMonitor, () => once(false));
  whenClosed(response, () => {
    if (!response.writableEnded) once(false);
  });
}

/**
 * Calls `give` when the response ends, if the options say that such a request does not count. A response that its client
 * did not wait for has failed.
 *
 * @param wasSuccessful judges a complete response; default: a status below 400
 * @param failed gets the error of `wasSuccessful`; the charge stays
 */
export function refundWhenEnded(
  response: ServerResponse,
  { skipFailedRequests, skipSuccessfulRequests }: RefundOptions,
  give: () => unknown,
  wasSuccessful: (() => unknown) | undefined,
  failed: (error: unknown) => void,
): void {
  whenEnded(response, async (isComplete) => {
    let isSuccess = false;
    try {
      if (isComplete)
        isSuccess = wasSuccessful ? !!(await wasSuccessful()) : response.statusCode < 400;
    } catch (error) {
      failed(error);
      return;
    }
    if (isSuccess ? skipSuccessfulRequests : skipFailedRequests) await give();
  });
}
