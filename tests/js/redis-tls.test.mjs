// redis() over TLS: which servers are let in, whom we say we are, and what is said when it fails.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import { createLimiter, redis, tokenBucket } from 'sluice';
import { makeCertificates } from '../support/certificates.mjs';
import { startRedis } from '../support/redis-server.mjs';

const policies = tokenBucket({ capacity: 1000, refill: 1, every: '1h' });
const servers = {};
let certificates;
let ca;
before(async () => {
  certificates = await makeCertificates();
  ca = certificates.text(certificates.ca);
  const start = async (name, options) => {
    servers[name] = await startRedis({ tls: certificates.forServer(options) });
  };
  await Promise.all([
    start('good', {}),
    start('elsewhere', { name: 'elsewhere' }),
    start('expired', { name: 'expired' }),
    start('asking', { askClients: true }),
  ]);
});
after(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  certificates?.remove();
});

/** One check; resolves to its decision, rejects with the store's error. */
async function check(options) {
  const store = redis(options);
  const limiter = createLimiter({ policies, store, onStoreError: 'throw', deadlineMs: 60_000 });
  try {
    return await limiter.check('k');
  } finally {
    await limiter.close();
  }
}

const refused = (options, message) =>
  assert.rejects(check(options), { code: 'ERR_SLUICE_STORE_UNAVAILABLE', message });

test('rediss:// with the CA of the server decides in Redis', async () => {
  const decision = await check({ url: servers.good.url, tls: { ca } });
  assert.deepEqual([decision.allowed, decision.source], [true, 'store']);
});

test('tls options mean TLS, whatever the URL begins with', async () => {
  const url = servers.good.url.replace('rediss:', 'redis:');
  assert.equal((await check({ url, tls: { ca } })).source, 'store');
  await assert.rejects(check(url), { code: 'ERR_SLUICE_STORE_UNAVAILABLE' });
});

test('a CA may be a Buffer, and one of a list', async () => {
  const other = certificates.text(certificates.otherCa);
  const { url } = servers.good;
  for (const given of [Buffer.from(ca), [other, ca], [Buffer.from(other + ca)]]) {
    assert.equal((await check({ url, tls: { ca: given } })).source, 'store');
  }
});

test('a certificate for another name is refused, unless that name is asked for', async () => {
  const { url } = servers.elsewhere;
  await refused({ url, tls: { ca } }, /certificate was refused: it is not for '127\.0\.0\.1'/);
  const named = await check({ url, tls: { ca, servername: 'elsewhere.test' } });
  assert.equal(named.source, 'store');
  const wrong = { url: servers.good.url, tls: { ca, servername: 'elsewhere.test' } };
  await refused(wrong, /it is not for 'elsewhere\.test'/);
});

test("without 'ca' only Node's own roots are trusted", async () => {
  await refused(servers.good.url, /certificate was refused: self-signed certificate/);
  await refused({ url: servers.good.url, tls: {} }, /certificate was refused/);
});

test("without 'ca' NODE_EXTRA_CA_CERTS is trusted too", async () => {
  const program = `
    import { createLimiter, redis, tokenBucket } from 'sluice';
    const limiter = createLimiter({
      policies: tokenBucket({ capacity: 9, refill: 1, every: '1h' }),
      store: redis(process.env.URL), onStoreError: 'throw', deadlineMs: 60_000,
    });
    console.log((await limiter.check('extra')).source);
    await limiter.close();`;
  const args = ['--input-type=module', '-e', program];
  const env = { ...process.env, URL: servers.good.url, NODE_EXTRA_CA_CERTS: certificates.ca };
  const cwd = new URL('.', import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd });
  assert.equal(stdout, 'store\n');
});

test('another CA is refused', () =>
  refused(
    { url: servers.good.url, tls: { ca: certificates.text(certificates.otherCa) } },
    /certificate was refused/,
  ));

test('a certificate that has expired is refused', () =>
  refused({ url: servers.expired.url, tls: { ca } }, /refused: certificate has expired/));

test('rejectUnauthorized: false takes any certificate', async () => {
  for (const { url } of [servers.good, servers.elsewhere, servers.expired]) {
    assert.equal((await check({ url, tls: { rejectUnauthorized: false } })).source, 'store');
  }
});

test('NODE_TLS_REJECT_UNAUTHORIZED does not turn verification off', async () => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    await refused({ url: servers.good.url, tls: {} }, /certificate was refused/);
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  }
});

test('a server that demands a client certificate gets ours, or is said to want one', async () => {
  const { url } = servers.asking;
  await refused({ url, tls: { ca } }, /the server wants a client certificate/);
  const [cert, key] = ['cert', 'key'].map((kind) => certificates.text(certificates.client[kind]));
  assert.equal((await check({ url, tls: { ca, cert, key } })).source, 'store');
});

test('a key may be encrypted, as Node and OpenSSL write it, and is used with its passphrase', async () => {
  const { url } = servers.asking;
  const [cert, plain] = ['cert', 'key'].map((kind) => certificates.text(certificates.client[kind]));
  const encrypt = (type) =>
    createPrivateKey(plain).export({
      type,
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'correct hunter2 ä',
    });
  for (const key of [encrypt('pkcs8'), encrypt('sec1'), Buffer.from(encrypt('pkcs8')), plain]) {
    const passphrase = 'correct hunter2 ä';
    assert.equal((await check({ url, tls: { ca, cert, key, passphrase } })).source, 'store');
  }
  const key = encrypt('pkcs8');
  for (const [passphrase, message] of [
    [undefined, /^redis\.tls\.passphrase is missing: the key is encrypted$/],
    ['', /^redis\.tls\.passphrase is missing/],
    ['hunter2', /^redis\.tls\.passphrase does not decrypt the key$/],
    [Buffer.from('hunter2'), /redis\.tls\.passphrase/],
  ]) {
    const error = catchError(() => redis({ url, tls: { ca, cert, key, passphrase } }));
    assert.deepEqual([error.code, error.argument], ['ERR_SLUICE_OPTIONS', 'redis.tls.passphrase']);
    assert.match(error.message, message);
    assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /hunter2|BEGIN/);
  }
  const store = redis({ url, tls: { ca, cert, key, passphrase: 'correct hunter2 ä' } });
  assert.doesNotMatch(inspect(store, { depth: 9, showHidden: true }), /hunter2|BEGIN/);
});

test('the error names a server without TLS', async () => {
  const plain = await startRedis();
  const url = plain.url.replace('redis:', 'rediss:');
  await refused({ url, tls: { ca } }, /the server did not finish the TLS handshake/);
  await plain.stop();
});

test('TLS options that cannot be used are refused when the store is made, and not quoted', () => {
  const [cert, key] = ['cert', 'key'].map((kind) => certificates.text(certificates.client[kind]));
  const otherKey = certificates.text(certificates.server.key);
  const url = 'rediss://localhost';
  for (const [tls, argument, message] of [
    [{ ca: 'hunter2' }, 'redis.tls.ca', /holds no certificate/],
    [{ ca: '' }, 'redis.tls.ca', /holds no certificate/],
    [{ ca: [] }, 'redis.tls.ca'],
    [{ ca: 7 }, 'redis.tls.ca'],
    [{ ca: key }, 'redis.tls.ca', /holds no certificate/],
    [{ cert, key: 'hunter2' }, 'redis.tls.key', /holds no private key/],
    [{ cert, key: ['hunter2'] }, 'redis.tls.key', /PEM text/],
    [{ cert, key: otherKey }, 'redis.tls.key', /is not the certificate's/],
    [{ cert }, 'redis.tls.key'],
    [{ key }, 'redis.tls.cert'],
    [{ cert: '', key: '' }, 'redis.tls.cert'],
    [{ servername: 'no name' }, 'redis.tls.servername'],
    [{ servername: 7 }, 'redis.tls.servername'],
    [{ rejectUnauthorized: 0 }, 'redis.tls.rejectUnauthorized'],
    ['hunter2', 'redis.tls'],
    [null, 'redis.tls'],
  ]) {
    const error = catchError(() => redis({ url, tls }));
    assert.deepEqual([error.code, error.argument], ['ERR_SLUICE_OPTIONS', argument]);
    if (message) assert.match(error.message, message);
    assert.doesNotMatch(JSON.stringify(error) + error.message, /hunter2|BEGIN/);
  }
  const misspelt = catchError(() => redis({ url, tls: { Key: 'hunter2' } }));
  assert.equal(misspelt.code, 'ERR_SLUICE_UNKNOWN_OPTION');
  assert.match(misspelt.message, /Did you mean 'key'/);
  assert.doesNotMatch(JSON.stringify(misspelt), /hunter2/);
});

function catchError(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  assert.fail('nothing was thrown');
}
