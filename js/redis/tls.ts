// TLS options of a Redis store.

import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { argumentError, checkOptionNames, typeError, withheld } from '../limiter/errors.js';
import { ownOptions } from '../limiter/own-options.js';
import { type NativeTls, native } from '../native.js';

/** PEM text. */
export type Pem = string | Uint8Array;

/** How a connection to Redis is secured. */
export interface RedisTlsOptions {
  /** The CAs that may vouch for the server. Default: those that Node trusts, NODE_EXTRA_CA_CERTS included. */
  ca?: Pem | readonly Pem[];
  /** The certificate to show to a server that asks for one, with those between it and its CA. */
  cert?: Pem;
  /** Its private key. */
  key?: Pem;
  /** Of the key, if that is encrypted. */
  passphrase?: string;
  /** The name that the server's certificate must have, and that is sent as SNI. Default: the URL's host. */
  servername?: string;
  /** Default true. With false any certificate will do, and whoever stands between may read and answer everything. */
  rejectUnauthorized?: boolean;
}

const OPTIONS = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized'];

let roots: string | undefined;

/** What Node itself would trust. */
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
      // Node has warned of it when it started.
    }
  }
  roots = all.join('\n');
  return roots;
}

// The values of these options stay out of errors: one may be a key in the wrong place.
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
    // Text that is empty would trust nobody: a mistake that looks like an attack when it connects.
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
