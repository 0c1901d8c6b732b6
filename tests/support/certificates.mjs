// Certificates made at test time: a CA, servers with two names, a client. They are valid for a day.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

// The nodes of a cluster are each other's clients too.
const BOTH = 'serverAuth,clientAuth';

const openssl = (...args) => promisify(execFile)('openssl', args);

/**
 * Makes files: `ca` and `otherCa` (certificates), and `{ cert, key }` for `server` (`localhost` and 127.0.0.1),
 * `elsewhere` (a server named `elsewhere.test`, by the same CA), `expired` (as `server`, but until yesterday) and
 * `client`. `text(file)` reads one. `forServer({ name = 'server', askClients = false })` returns the `tls` of
 * startRedis; with `askClients` the server refuses clients without a certificate of the CA. `remove()` deletes all.
 */
export async function makeCertificates() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  const [ca, otherCa] = await Promise.all([makeCa('ca'), makeCa('other-ca')]);
  const [server, elsewhere, expired, client] = await Promise.all([
    makeLeaf('server', 'DNS:localhost,IP:127.0.0.1', BOTH),
    makeLeaf('elsewhere', 'DNS:elsewhere.test', BOTH),
    makeLeaf('expired', 'DNS:localhost,IP:127.0.0.1', BOTH, -1),
    makeLeaf('client', 'DNS:client.test', 'clientAuth'),
  ]);
  const text = (file) => readFileSync(file, 'utf8');
  const servers = { server, elsewhere, expired };

  async function makeKey(name) {
    const key = join(folder, `${name}.key`);
    await openssl(
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-out',
      key,
    );
    return key;
  }

  async function makeCa(name) {
    const key = await makeKey(name);
    const cert = join(folder, `${name}.crt`);
    const subject = ['-subj', `/CN=${name} of a test`, '-days', '1', '-sha256'];
    await openssl('req', '-x509', '-new', '-key', key, ...subject, '-out', cert);
    return { cert, key };
  }

  async function makeLeaf(name, names, use, days = 1) {
    const key = await makeKey(name);
    const [request, cert, extensions] = ['csr', 'crt', 'ext'].map((x) =>
      join(folder, `${name}.${x}`),
    );
    writeFileSync(
      extensions,
      `subjectAltName=${names}\nextendedKeyUsage=${use}\nbasicConstraints=CA:FALSE\n`,
    );
    await openssl('req', '-new', '-key', key, '-subj', `/CN=${name}`, '-out', request);
    const by = [
      '-CA',
      ca.cert,
      '-CAkey',
      ca.key,
      '-set_serial',
      String(Math.floor(Math.random() * 2 ** 40)),
    ];
    const kind = ['-days', String(days), '-sha256', '-extfile', extensions];
    await openssl('x509', '-req', '-in', request, ...by, ...kind, '-out', cert);
    return { cert, key };
  }

  return {
    ca: ca.cert,
    otherCa: otherCa.cert,
    ...servers,
    client,
    text,
    forServer({ name = 'server', askClients = false } = {}) {
      const checkServerIdentity = () => undefined; // the fixture's own connection accepts any name
      return {
        ...servers[name],
        ca: ca.cert,
        askClients,
        client: {
          ca: text(ca.cert),
          cert: text(client.cert),
          key: text(client.key),
          checkServerIdentity,
        },
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
