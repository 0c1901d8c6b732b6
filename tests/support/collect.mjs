// The warnings of the process and the messages of a channel, collected until a test ends.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';

/** The warnings that match, as they come; all of Sluice's by default. */
export function collectWarnings(t, matches = ({ name }) => name === 'SluiceWarning') {
  const found = [];
  const collect = (warning) => matches(warning) && found.push(warning);
  process.on('warning', collect);
  t.after(() => process.off('warning', collect));
  return found;
}

/** The codes of the warnings so far. Node emits a warning a tick later. */
export async function codesOf(warnings) {
  await setImmediate();
  return warnings.map(({ code }) => code);
}

/** The messages that match, as they come. */
export function collectMessages(t, channel, matches = () => true) {
  const found = [];
  const collect = (message) => matches(message) && found.push(message);
  subscribe(channel, collect);
  t.after(() => unsubscribe(channel, collect));
  return found;
}
