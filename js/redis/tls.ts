// TLS options of a Redis store.

import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { argumentError, checkOptionNames, typeError, withheld } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import { type NativeTls, native } from '../native.js';

/** PEM text. */
export type Pem = string | Uint8Array;

/** The TLS options of a connection to Redis. */
export interface RedisTlsOptions {
  /** The trusted CAs. Default: Node's, with NODE_EXTRA_CA_CERTS. */
  ca?: Pem | readonly Pem[];
  /** The client certificate, if the server wants one, with the certificates between it and its CA. */
  cert?: Pem;
  /** Its private key. */
  key?: Pem;
  /** The passphrase of an encrypted key. */
  passphrase?: string;
  /** The required name of the server's certificate, also sent as SNI. Default: the URL's host. */
  servername?: string;
  /** Default true. False accepts any certificate, so an attacker on the way may read and answer everything. */
  rejectUnauthorized?: boolean;
}

const OPTIONS = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized'];

let roots: string | undefined;

/** The CAs that Node itself trusts. */
function nodeRoots(): string {
  if (roots !== undefined) return roots;
  // Since Node 22.15, these include NODE_EXTRA_CA_CERTS and what --use-system-ca adds.
  const get = (tls as { getCACertificates?: (type: 'default') => string[] }).getCACertificates;
  const all = get ? get('default') : [...tls.rootCertificates];
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  if (!get && extra) {
    try {
      all.push(readFileSync(extra, 'utf8'));
    } catch {
      // Node has warned of it at its start.
    }
  }
  roots = all.join('\n');
  return roots;
}

// Errors leave out the values of these options: one may be a key in the wrong place.
function refuse(name: string, value: unknown, expected: string): TypeError {
  return typeError('ERR_SLUICE_OPTIONS', `redis.tls.${name}`, withheld(value), expected);
}

function readPem(value: unknown, name: string): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value !== 'string') throw refuse(name, value, 'PEM text, a string or Buffer');
  return value;
}

export function readTls(given: RedisTlsOptions): NativeTls {
  checkOptionNames(given, OPTIONS, 'redis.tls', { secret: true });
  const {
    ca,
    cert,
    key,
    passphrase = '',
    servername = '',
    rejectUnauthorized = true,
  } = ownOptions(given);
  if (typeof passphrase !== 'string') throw refuse('passphrase', passphrase, 'a string');
  if (typeof servername !== 'string') throw refuse('servername', servername, 'a string');
  if (typeof rejectUnauthorized !== 'boolean') {
    throw refuse('rejectUnauthorized', rejectUnauthorized, 'true or false');
  }
  const list = ca === undefined ? [] : Array.isArray(ca) ? ca : [ca];
  if (ca !== undefined && list.length === 0)
    throw refuse('ca', ca, 'left out or a list that is not empty');
  const texts = list.map((one) => readPem(one, 'ca'));
  const certPem = cert === undefined ? '' : readPem(cert, 'cert') || '\n';
  const keyPem = key === undefined ? '' : readPem(key, 'key') || '\n';
  if (keyPem !== '' && certPem === '') throw refuse('cert', cert, "given with 'key'");
  if (certPem !== '' && keyPem === '') throw refuse('key', key, "given with 'cert'");
  const made = native.makeTls({
    // Empty text would trust no CA: a mistake that looks like an attack on connecting.
    ca: ca === undefined ? (rejectUnauthorized ? nodeRoots() : '') : texts.join('\n') || '\n',
    cert: certPem,
    key: keyPem,
    passphrase,
    servername,
    verify: rejectUnauthorized,
  });
  if (!Array.isArray(made)) return made as NativeTls;
  const [name, reason] = made as [string, string];
  const argument = `redis.tls.${name}`;
  throw argumentError(TypeError, 'ERR_SLUICE_OPTIONS', argument, `${argument} ${reason}`);
}
