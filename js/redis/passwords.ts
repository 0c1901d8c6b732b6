// Password functions: the I/O thread needs one for each new connection, and they run here.

import { reasonOf } from '../limiter/errors.js';
import { type NativePasswordSource, native } from '../native.js';

/** Returns the password for a new connection. */
export type PasswordFunction = () => string | Promise<string>;

interface Source {
  readonly id: number;
  readonly native: NativePasswordSource;
}

/** Functions by the number of their source. The addon holds them for the same reasons as `pending` in engine.ts. */
native.passwordFunctions ??= new Map<number, WeakRef<PasswordFunction>>();
const functions = native.passwordFunctions as Map<number, WeakRef<PasswordFunction>>;
const gone = new FinalizationRegistry<number>((id) => functions.delete(id));
const sources = new WeakMap<PasswordFunction, Source>();
let ids = functions.size;

/**
 * The native source of a function: the same for the same function, so that limiters share a connection. The store must
 * keep the function itself alive.
 */
export function passwordSource(give: PasswordFunction): NativePasswordSource {
  const known = sources.get(give);
  if (known) return known.native;
  while (functions.has(ids)) ids++;
  const source = { id: ids, native: native.makePasswordSource(ids++) };
  functions.set(source.id, new WeakRef(give));
  gone.register(give, source.id);
  sources.set(give, source);
  return source.native;
}

async function answer(id: number, ticket: number): Promise<void> {
  const give = functions.get(id)?.deref();
  try {
    if (!give) throw new Error('all its stores are closed');
    const password: unknown = await give();
    if (typeof password === 'string') return native.answerPassword(ticket, password, undefined);
    // Never the value itself: it may hold the password.
    const why = `the password function gave something of type ${typeof password}, not a string`;
    native.answerPassword(ticket, undefined, why);
  } catch (error) {
    native.answerPassword(ticket, undefined, `the password function failed: ${reasonOf(error)}`);
  }
}

native.onPasswordWanted((id, ticket) => void answer(id, ticket));
