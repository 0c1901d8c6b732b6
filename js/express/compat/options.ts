// The options of the compatibility mode: defaults, and the store.

import { within } from '../../http/request-options.js';
import { typeError, withheld } from '../../limiter/errors.js';
import { ownOptions } from '../../limiter/own-options.js';
import { type InitOptions, SluiceStore } from '../../stores/express-rate-limit.js';
import { isSluiceStore, type Store as SluicePlace } from '../../stores/options.js';
import { defaultIdentifier } from './headers.js';
import { DEFAULT_SUBNET, ipKeyGenerator, isSubnet } from './ip-key.js';
import { MemoryStore } from './memory-store.js';
import type { IncrementResponse, LegacyStore, Logger, Options, Store } from './types.js';
import { Validations } from './validations.js';

const KNOWN: Readonly<Record<keyof Options | 'draft_polli_ratelimit_headers', true>> = {
  windowMs: true,
  limit: true,
  message: true,
  statusCode: true,
  legacyHeaders: true,
  standardHeaders: true,
  identifier: true,
  retryAfter: true,
  requestPropertyName: true,
  skipFailedRequests: true,
  skipSuccessfulRequests: true,
  keyGenerator: true,
  ipv6Subnet: true,
  handler: true,
  skip: true,
  requestWasSuccessful: true,
  store: true,
  prefix: true, // Only beside a store of Sluice.
  validate: true,
  headers: true,
  max: true,
  passOnStoreError: true,
  logger: true,
  draft_polli_ratelimit_headers: true, // It has a log entry of its own.
};

/** The names of express-rate-limit's options. */
export const COMPAT_OPTIONS = Object.keys(KNOWN);

/** The text comes first, as in a log. */
const CONSOLE: Logger = {
  error: (error, message) => console.error(...(message === undefined ? [error] : [message, error])),
  warn: (error, message) => console.warn(...(message === undefined ? [error] : [message, error])),
};

/** A store with callbacks, as one with promises. */
function modernStore(store: LegacyStore): Store {
  return {
    increment: (key) =>
      new Promise<IncrementResponse>((resolve, reject) => {
        store.incr(key, (error, totalHits, resetTime) => {
          if (error) reject(error);
          else resolve({ totalHits, resetTime });
        });
      }),
    decrement: (key) => store.decrement(key),
    resetKey: (key) => store.resetKey(key),
    ...(store.resetAll === undefined ? {} : { resetAll: () => store.resetAll?.() }),
  };
}

function readStore(given: unknown): Store {
  const has = (name: string) => typeof (given as Record<string, unknown>)?.[name] === 'function';
  if (has('decrement') && has('resetKey')) {
    if (has('increment')) return given as Store;
    if (has('incr')) return modernStore(given as LegacyStore);
  }
  const expected =
    'redis(...) or memory() of Sluice, or a Store of express-rate-limit: increment(), decrement() and resetKey()';
  throw typeError('ERR_SLUICE_OPTIONS', 'rateLimit.store', withheld(given), expected);
}

/**
 * Counts in a store of Sluice, under the given options.
 *
 * @throws TypeError, RangeError `ERR_SLUICE_*` for a wrong window or prefix. A foreign store's failed start is logged;
 *   here the mistake would make each process count for itself
 */
function storeIn(
  place: SluicePlace,
  { prefix, passOnStoreError }: Partial<Options>,
  init: InitOptions,
): SluiceStore {
  const { windowMs } = init;
  if (typeof windowMs !== 'number') {
    throw typeError('ERR_SLUICE_OPTIONS', 'rateLimit.windowMs', windowMs, 'a number of ms');
  }
  return within('rateLimit', () => {
    const store = new SluiceStore({
      store: place,
      ...(prefix === undefined ? {} : { prefix }),
      onStoreError: passOnStoreError === undefined ? 'local' : 'throw',
    });
    store.init(init);
    return store;
  });
}

/** The options of one middleware, complete. */
export interface CompatConfig {
  readonly options: Options & { readonly store: Store };
  readonly validations: Validations;
  /** Counts requests while the store fails; `undefined` if `passOnStoreError` says what to do. */
  readonly fallback: MemoryStore | undefined;
}

/** @throws TypeError `ERR_SLUICE_OPTIONS` for a value that is not a store; all other mistakes are logged */
export function readCompatOptions(passed: Partial<Options>): CompatConfig {
  const given = ownOptions({}) as Partial<Options>;
  for (const [name, value] of Object.entries(passed)) {
    if (value !== undefined) Object.assign(given, { [name]: value });
  }
  const { validate = true, logger = CONSOLE, headers } = given;
  const enabled =
    typeof validate === 'boolean' ? { default: validate } : { default: true, ...validate };
  const validations = new Validations(enabled, logger);
  const { windowMs = 60_000, skipFailedRequests = false, skipSuccessfulRequests = false } = given;
  const limit = given.limit ?? given.max ?? 5;
  const options: CompatConfig['options'] = {
    windowMs,
    message: 'Too many requests, please try again later.',
    statusCode: 429,
    identifier: (req) => {
      const info: unknown = Reflect.get(req, options.requestPropertyName);
      return defaultIdentifier((info as { limit: number }).limit, windowMs);
    },
    requestPropertyName: 'rateLimit',
    skipFailedRequests,
    skipSuccessfulRequests,
    requestWasSuccessful: (_req, res) => res.statusCode < 400,
    skip: () => false,
    async keyGenerator(req, res) {
      const { ip } = req;
      validations.run('ip', ip);
      validations.run('trustProxy', req);
      validations.run('xForwardedForHeader', req);
      validations.run('forwardedHeader', req);
      const { ipv6Subnet } = options;
      let bits: number | false;
      if (typeof ipv6Subnet === 'function') {
        bits = await ipv6Subnet(req, res);
        validations.run('ipv6Subnet', bits);
      } else {
        bits = ipv6Subnet;
      }
      // A wrong number has been logged.
      const subnet = !bits || isSubnet(bits) ? bits : DEFAULT_SUBNET;
      return ipKeyGenerator(ip as string, subnet);
    },
    ipv6Subnet: DEFAULT_SUBNET,
    async handler(req, res) {
      res.status(options.statusCode);
      const { message } = options;
      const body = typeof message === 'function' ? await message(req, res) : message;
      if (!res.writableEnded) res.send(body);
    },
    passOnStoreError: false,
    ...given,
    // The middleware reads these four in this form.
    limit,
    legacyHeaders: given.legacyHeaders ?? headers ?? true,
    standardHeaders: given.standardHeaders === true ? 'draft-6' : (given.standardHeaders ?? false),
    store: isSluiceStore(given.store)
      ? storeIn(given.store, given, { windowMs, skipFailedRequests, skipSuccessfulRequests })
      : given.store
        ? readStore(given.store)
        : new MemoryStore(),
    validate: enabled,
    logger,
  };

  validations.run('validationsConfig', enabled);
  validations.run('knownOptions', passed, COMPAT_OPTIONS);
  validations.run(
    'draftPolliHeaders',
    (given as Record<string, unknown>).draft_polli_ratelimit_headers,
  );
  validations.run('onLimitReached', (given as Record<string, unknown>).onLimitReached);
  validations.run('windowMs', windowMs);
  validations.run('ipv6Subnet', given.ipv6Subnet);
  validations.run('ipv6SubnetOrKeyGenerator', given);
  validations.run('keyGeneratorIpFallback', given.keyGenerator);
  validations.run('creationStack');
  validations.run('unsharedStore', options.store);

  // A store of Sluice has a fallback of its own.
  const isForeign = !(options.store instanceof SluiceStore);
  const counts = isForeign && given.passOnStoreError === undefined;
  const fallback = counts ? new MemoryStore() : undefined;
  fallback?.init({ windowMs });
  return { options, validations, fallback };
}
