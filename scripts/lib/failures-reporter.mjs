// A reporter of node:test that shows only failed tests, each with its place and its error.

import { relative } from 'node:path';
import { inspect } from 'node:util';
import { root } from './steps.mjs';

export default async function* failures(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:fail' || data.todo !== undefined) continue;
    const { error } = data.details;
    // The failed subtests are reported themselves.
    if (error.failureType === 'subtestsFailed') continue;
    const place = data.file ? `${relative(root, data.file)}:${data.line}: ` : '';
    const cause = error.cause ?? error;
    const text = cause instanceof Error ? inspect(cause, { colors: false }) : String(cause);
    yield `${place}${data.name}\n${text.replaceAll(/^/gm, '    ')}\n`;
  }
}
