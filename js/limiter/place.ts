// The place in the user's code that called this package, for errors about another call.

import { dirname } from 'node:path';

/** The number of frames to search: this package's, and a framework's between it and the caller. */
const MOST_FRAMES = 25;

/** The folder of this package's code: one above this room's. An ECMAScript module of a bundler has no __dirname. */
const PACKAGE = typeof __dirname === 'string' ? dirname(__dirname) : undefined;

function stackHere(): string[] {
  const before = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = MOST_FRAMES;
    const { stack } = new Error();
    // A user's Error.prepareStackTrace may give anything.
    return typeof stack === 'string' ? stack.split('\n') : [];
  } catch {
    return []; // Errors may be frozen.
  } finally {
    try {
      Error.stackTraceLimit = before;
    } catch {
      // The same.
    }
  }
}

/** A file's path or URL, line and column, alone or in brackets behind a function's name. */
const FRAME = /^ *at (?:async )?(?:.* \()?((?:file:\/\/)?(?:\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/;

/** `file:line:column` of the call into this package: outside of node_modules, if there is such a frame. */
export function callerPlace(): string | undefined {
  const places = stackHere()
    .map((line) => FRAME.exec(line)?.[1])
    .filter((place) => place !== undefined)
    .filter((place) => !PACKAGE || !place.replace('file://', '').startsWith(PACKAGE));
  return places.find((place) => !place.includes('node_modules')) ?? places[0];
}
