// The validations of the compatibility mode: mistakes that are logged, and never thrown.
//
// Their names, codes and conditions are those of express-rate-limit 8:
// https://express-rate-limit.mintlify.app/reference/error-codes

import { isIP } from 'node:net';
import type { Request } from 'express';
import { nearest } from '../../limiter/errors.js';
import { SluiceStore } from '../../stores/express-rate-limit.js';
import type { Logger, Options, Store, ValidationName } from './types.js';

/** A mistake in the options or the set-up. `help` explains it. */
export class ValidationError extends Error {
  readonly code: string;
  readonly help: string;

  constructor(code: string, message: string) {
    const help = `https://express-rate-limit.github.io/${code}/`;
    super(`${message} (${help})`);
    this.name = new.target.name;
    this.code = code;
    this.help = help;
  }
}

/** An option whose meaning has changed. Logged as a warning. */
export class ChangeWarning extends ValidationError {}

const error = (code: string, message: string) => new ValidationError(`ERR_ERL_${code}`, message);
const warning = (code: string, message: string) => new ChangeWarning(`WRN_ERL_${code}`, message);

/** The stores in use, to find one that two limiters share. */
const usedStores = new WeakMap<object, Set<string>>();
/** The prefixes in use on each server of Redis. */
const usedServers = new Map<string, Set<string>>();
/** By request: the counted keys of each store, or of each kind of store if its instances share keys. */
const countedKeys = new WeakMap<object, Map<unknown, Set<string>>>();

/** The file in which Express 4 or 5 calls the handlers of a route. */
const HANDLER_CALL = /[\\/]router[\\/](?:lib[\\/])?layer\.js/;
const DEEP_ENOUGH = 50;

/** The prefixes in use at a place; the caller adds to them. */
function prefixesAt(place: object | string): Set<string> {
  const used = typeof place === 'string' ? usedServers.get(place) : usedStores.get(place);
  if (used !== undefined) return used;
  const none = new Set<string>();
  if (typeof place === 'string') usedServers.set(place, none);
  else usedStores.set(place, none);
  return none;
}

function isInsideHandler(): boolean {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = DEEP_ENOUGH;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return HANDLER_CALL.test(stack);
}

type Mistake = ValidationError | undefined;

/** Each looks for one mistake. */
const CHECKS = {
  ip(ip: string | undefined): Mistake {
    if (ip === undefined) {
      const cause = 'the client has hung up, or the server does not listen on TCP';
      return error('UNDEFINED_IP_ADDRESS', `request.ip is undefined: ${cause}.`);
    }
    if (isIP(ip) !== 0) return undefined;
    const fix = "a proxy may have added a port; give a 'keyGenerator'";
    return error('INVALID_IP_ADDRESS', `request.ip (${ip}) is not an IP address: ${fix}.`);
  },
  trustProxy({ app }: Request): Mistake {
    if (app.get('trust proxy') !== true) return undefined;
    const effect = 'any client can choose its address with X-Forwarded-For and escape its limit';
    return error('PERMISSIVE_TRUST_PROXY', `Express's 'trust proxy' is true: ${effect}.`);
  },
  xForwardedForHeader({ app, headers }: Request): Mistake {
    if (!headers['x-forwarded-for'] || app.get('trust proxy') !== false) return undefined;
    const effect = 'behind a proxy, all clients have its address and share one limit';
    return error(
      'UNEXPECTED_X_FORWARDED_FOR',
      `A request has X-Forwarded-For, and Express's 'trust proxy' is false: ${effect}.`,
    );
  },
  forwardedHeader({ headers, ip, socket }: Request): Mistake {
    if (!headers.forwarded || ip !== socket?.remoteAddress) return undefined;
    const fix = "Express does not read it; read it in a 'keyGenerator' if your proxy sets it";
    return error('FORWARDED_HEADER', `A request has the header Forwarded: ${fix}.`);
  },
  positiveHits(hits: unknown): Mistake {
    if (Number.isInteger(hits) && (hits as number) >= 1) return undefined;
    const message = `The store's totalHits must be a whole number from 1; got ${String(hits)}.`;
    return error('INVALID_HITS', message);
  },
  unsharedStore(store: Store): Mistake {
    const isSluice = store instanceof SluiceStore;
    const prefix = isSluice ? store.prefix : '';
    const prefixes = prefixesAt(isSluice ? store.place : store);
    const isShared = prefixes.has(prefix);
    prefixes.add(prefix);
    if (!isShared) return undefined;
    if (!isSluice) {
      return error('STORE_REUSE', 'Two limiters have one store: give each a store of its own.');
    }
    const effect = `Two limiters count together, in one store under the prefix '${prefix}'`;
    return error('STORE_REUSE', `${effect}: give each a 'prefix' of its own.`);
  },
  singleCount(request: object, store: Store, key: string): Mistake {
    const which =
      store instanceof SluiceStore ? store.place : store.localKeys ? store : store.constructor.name;
    const counted = countedKeys.get(request) ?? new Map<unknown, Set<string>>();
    countedKeys.set(request, counted);
    const keys = counted.get(which) ?? new Set();
    counted.set(which, keys);
    const name = `${store.prefix ?? ''}${key}`;
    const isSecond = keys.has(name);
    keys.add(name);
    if (!isSecond) return undefined;
    const fix = 'use one limiter, or give each another prefix or keyGenerator';
    return error('DOUBLE_COUNT', `The key '${key}' was counted twice for one request: ${fix}.`);
  },
  limit(limit: unknown): Mistake {
    if (limit !== 0) return undefined;
    return warning('MAX_ZERO', "A limit of 0 denies every request; 'skip' switches a limiter off.");
  },
  draftPolliHeaders(given: unknown): Mistake {
    if (!given) return undefined;
    const fix = "use standardHeaders: 'draft-6'";
    return warning(
      'DEPRECATED_DRAFT_POLLI_HEADERS',
      `There is no option 'draft_polli_ratelimit_headers': ${fix}.`,
    );
  },
  onLimitReached(given: unknown): Mistake {
    if (!given) return undefined;
    return warning(
      'DEPRECATED_ON_LIMIT_REACHED',
      "There is no option 'onLimitReached': use 'handler'.",
    );
  },
  headersDraftVersion(version: unknown): Mistake {
    return error(
      'HEADERS_UNSUPPORTED_DRAFT_VERSION',
      `standardHeaders must be a boolean, 'draft-6', 'draft-7' or 'draft-8'; got ${String(version)}. No such header is sent.`,
    );
  },
  headersResetTime(resetTime: unknown): Mistake {
    if (resetTime) return undefined;
    const effect = "the headers show 'windowMs' as the time that is left";
    return error('HEADERS_NO_RESET', `The store gives no resetTime: ${effect}.`);
  },
  knownOptions(given: object, known: readonly string[]): Mistake {
    const name = Object.keys(given).find((name) => !known.includes(name));
    if (name === undefined) return undefined;
    const guess = nearest(name, [...known, 'policies', 'plans', 'limiter']);
    const hint = guess === undefined ? '' : ` Did you mean '${guess}'?`;
    return error('UNKNOWN_OPTION', `rateLimit has no option '${name}'.${hint}`);
  },
  validationsConfig(given: object): Mistake {
    const name = Object.keys(given).find((name) => name !== 'default' && !(name in CHECKS));
    if (name === undefined) return undefined;
    const known = Object.keys(CHECKS).join(', ');
    return error('UNKNOWN_VALIDATION', `validate.${name} is no validation; known: ${known}.`);
  },
  creationStack(): Mistake {
    if (!isInsideHandler()) return undefined;
    const fix = 'call it once, when the application starts';
    return error(
      'CREATED_IN_REQUEST_HANDLER',
      `rateLimit() was called inside a request handler, so it has counted nothing yet: ${fix}.`,
    );
  },
  ipv6Subnet(bits: unknown): Mistake {
    if (bits === undefined || bits === false || typeof bits === 'function') return undefined;
    if (Number.isInteger(bits) && (bits as number) >= 32 && (bits as number) <= 64)
      return undefined;
    const message = `ipv6Subnet must be a whole number from 32 to 64, or false; got ${String(bits)}.`;
    return error('IPV6_SUBNET', message);
  },
  ipv6SubnetOrKeyGenerator({ ipv6Subnet, keyGenerator }: Partial<Options>): Mistake {
    if (ipv6Subnet === undefined || keyGenerator === undefined) return undefined;
    const effect = "'ipv6Subnet' is not used: call ipKeyGenerator(req.ip, ipv6Subnet) yourself";
    return error('IPV6SUBNET_OR_KEYGENERATOR', `Beside a 'keyGenerator', ${effect}.`);
  },
  keyGeneratorIpFallback(keyGenerator: unknown): Mistake {
    if (typeof keyGenerator !== 'function') return undefined;
    const text = String(keyGenerator);
    if (!/\b(?:req|request)\.ip/.test(text) || text.includes('ipKeyGenerator')) return undefined;
    const fix = 'return ipKeyGenerator(req.ip) instead';
    return error(
      'KEY_GEN_IPV6',
      `'keyGenerator' uses req.ip, so a client can escape its limit with another IPv6 address: ${fix}.`,
    );
  },
  windowMs(windowMs: unknown): Mistake {
    if (typeof windowMs === 'number' && windowMs >= 1) return undefined;
    return error('WINDOW_MS', `windowMs must be a number from 1 (ms); got ${String(windowMs)}.`);
  },
} satisfies Record<ValidationName, (...given: never[]) => Mistake>;

type Checks = typeof CHECKS;

/** The validations of one middleware. They end with its first judged request. */
export class Validations {
  readonly #enabled: Readonly<Record<string, boolean | undefined>>;
  readonly #logger: Logger;
  #isOver = false;

  constructor(enabled: Readonly<Record<string, boolean | undefined>>, logger: Logger) {
    this.#enabled = enabled;
    this.#logger = logger;
  }

  /** Logs the mistake that the validation finds. */
  run<Name extends ValidationName>(name: Name, ...given: Parameters<Checks[Name]>): void {
    if (this.#isOver || !(this.#enabled[name] ?? this.#enabled.default)) return;
    const check = CHECKS[name] as (...given: Parameters<Checks[Name]>) => Mistake;
    const mistake = check(...given);
    if (mistake instanceof ChangeWarning) this.#logger.warn(mistake);
    else if (mistake !== undefined) this.#logger.error(mistake);
  }

  end(): void {
    this.#isOver = true;
  }
}
