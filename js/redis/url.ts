// URLs of Redis servers.

import { isIPv6 } from 'node:net';

/** The parts of a URL. */
export interface RedisUrl {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The path of a unix socket, instead of host and port; or empty. */
  readonly path: string;
  readonly user: string;
  readonly password: string;
  readonly database: number;
  /** Whether it wants TLS. */
  readonly secure: boolean;
}

// Its groups: s, unix, authority, path, query.
const URL_SHAPE = /^(?:(?:redis|valkey)(s)?|redis\+(unix)):\/\/([^/?]*)([^?]*)(?:\?(.*))?$/is;
/** The bytes of a socket's path, without the final zero. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103;

function readWhole(text: string, least: number, most: number): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return number >= least && number <= most ? number : undefined;
}

/**
 * Reads
 *
 *     redis://[[user]:password@]host[:port][/database][?query]
 *     rediss://, the same with TLS
 *     redis+unix://[[user]:password@]/path[?query]
 *
 * `valkey://` and `valkeys://` are the first two. The case of a scheme is ignored. The query may hold `db=database` and
 * `family=0` (any address family, which is the default). User, password and path are percent-decoded; an IPv6 address is
 * in brackets.
 *
 * `refuse` makes the error of a reason. Reasons quote nothing of the URL: a misplaced character can put a piece of a
 * password into any part.
 */
export function parseUrl(
  text: string,
  defaultPort: number,
  refuse: (reason: string) => Error,
): RedisUrl {
  const shape = URL_SHAPE.exec(text);
  if (shape === null) {
    throw refuse('the URL must begin with redis://, rediss:// or redis+unix://');
  }
  const [, s, unix, authority = '', path = '', query = ''] = shape;
  if (unix === undefined && text.includes('#')) {
    throw refuse("it must hold no '#' (in a password, write %23)");
  }
  const decode = (part: string, name: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw refuse(`a '%' in the ${name} must begin two hexadecimal digits, of UTF-8`);
    }
  };
  const readDatabase = (part: string, otherwise: number): number => {
    const database = part === '' ? otherwise : readWhole(part, 0, 2 ** 31 - 1);
    if (database === undefined) throw refuse('the database must be a whole number from 0');
    return database;
  };

  const at = authority.lastIndexOf('@');
  const [, user, password] = /^([^:]*):(.*)$/s.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  if (at > 0 && user === undefined) {
    throw refuse('a user needs a password: redis://user:password@host');
  }
  const login = { user: decode(user ?? '', 'user'), password: decode(password ?? '', 'password') };
  const server = authority.slice(at + 1);

  const place = { host: '', port: defaultPort, path: '' };
  if (unix === undefined) {
    const bracketed = server.startsWith('[');
    const close = server.indexOf(']');
    if (bracketed && close < 0) throw refuse("the host lacks its ']'");
    const [, name = '', behind = ''] = /^([^:]*)(.*)$/s.exec(server) ?? [];
    place.host = bracketed ? server.slice(1, close) : name;
    const port = bracketed ? server.slice(close + 1) : behind;
    if (bracketed && (!isIPv6(place.host) || place.host.includes('%'))) {
      throw refuse('the text in brackets must be an IPv6 address');
    }
    if (bracketed && !/^(:|$)/.test(port)) throw refuse("only a port may follow the ']'");
    const encode = "a '/', '@' or ':' in a user or password must be percent-encoded";
    if (!bracketed && !/^[\w.-]{1,253}$/.test(name)) {
      throw refuse(`the host must be a name or an address (IPv6 in brackets); ${encode}`);
    }
    if (port !== '') {
      const number = readWhole(port.slice(1), 1, 65535);
      if (number === undefined) {
        throw refuse(`the port must be a whole number from 1 to 65535; ${encode}`);
      }
      place.port = number;
    }
  } else {
    if (server !== '' || path === '') {
      throw refuse(
        "the socket's path must begin with '/': redis+unix:///run/redis.sock; a '/' or '?' in a user or password must be percent-encoded",
      );
    }
    if (path.includes('#')) throw refuse("a '#' in the socket's path must be written %23");
    place.path = decode(path, "socket's path");
    if (Buffer.byteLength(place.path) > LONGEST_PATH || place.path.includes('\0')) {
      throw refuse(`the socket's path must have at most ${LONGEST_PATH} bytes, none of them zero`);
    }
  }

  let database = unix === undefined ? readDatabase(path.slice(1), 0) : 0;
  for (const field of query.split('&')) {
    // Any address family is the default; other clients need this option.
    if (field === '' || field === 'family=0') continue;
    if (!field.startsWith('db=')) {
      throw refuse(
        'only ?db= with the database, and ?family=0, may follow (in a user, a password or a path, write %3F)',
      );
    }
    const named = readDatabase(field.slice(3), database);
    if (database !== 0 && named !== database) throw refuse('it names two databases');
    database = named;
  }
  return { ...place, ...login, database, secure: s !== undefined };
}

/** "host:port", IPv6 in brackets, or "unix:/path". */
export function addressOf({ host, port, path }: RedisUrl): string {
  if (path !== '') return `unix:${path}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
