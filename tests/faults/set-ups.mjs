// The set-ups of the fault table's rows. Each resolves to a fixture: `{ store, stop }` and the fault's tools.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from '../support/certificates.mjs';
import { startFaultProxy } from '../support/fault-proxy.mjs';
import { hangingResolver } from '../support/hanging-resolver.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { steppedClock } from '../support/stepped-clock.mjs';

/** A server without a proxy. */
export const direct = async () => {
  const server = await startRedis();
  return { server, store: { url: server.url }, stop: () => server.stop() };
};

/** A server behind a proxy. */
export const proxied = async ({ seed }) => {
  const server = await startRedis();
  const proxy = await startFaultProxy({ to: server.port, seed });
  const stop = async () => {
    await proxy.stop();
    await server.stop();
  };
  return { server, proxy, store: { url: proxy.url }, stop };
};

/** A server whose clock can be stepped. */
export const stepped = async () => {
  const clock = await steppedClock();
  const server = await startRedis({ env: clock.env });
  const stop = async () => {
    await server.stop();
    clock.remove();
  };
  return { server, clock, store: { url: server.url }, stop };
};

/** A server behind a proxy, under a name whose lookup can hang. */
export const named = async ({ seed }) => {
  const resolver = await hangingResolver();
  const line = await proxied({ seed });
  const stop = async () => {
    await line.stop();
    resolver.remove();
  };
  const store = { url: `redis://${resolver.name}:${line.proxy.port}` };
  return { ...line, resolver, workerEnv: resolver.env, store, stop };
};

/** A server with a password. */
export const guarded = async () => {
  const server = await startRedis({ password: 'first' });
  return { server, password: 'first', store: { url: server.url }, stop: () => server.stop() };
};

/** The same with a password function: it returns the last argument of `tell(password)`. */
export const rotating = async () => {
  const { server, password } = await guarded();
  const passwordFile = join(server.directory, 'password');
  const tell = (text) => writeFileSync(passwordFile, text);
  tell(password);
  const store = { url: `redis://127.0.0.1:${server.port}`, passwordFile };
  return { server, password, tell, store, stop: () => server.stop() };
};

/** A server with TLS whose certificate can be changed: `show('elsewhere')`. */
export const secured = async () => {
  const certificates = await makeCertificates();
  const server = await startRedis({ tls: certificates.forServer() });
  const show = async (name) => {
    const { cert, key } = certificates[name];
    await server.command('CONFIG', 'SET', 'tls-cert-file', cert, 'tls-key-file', key);
  };
  const stop = async () => {
    await server.stop();
    certificates.remove();
  };
  const tls = { ca: certificates.text(certificates.ca) };
  return { server, show, store: { url: server.url, tls }, stop };
};

/** A cluster of three masters. The options are startCluster's. */
export const clustered =
  (options = {}) =>
  async () => {
    const cluster = await startCluster(options);
    const store = { nodes: cluster.urls, cluster: true };
    return { cluster, store, stop: () => cluster.stop() };
  };

/** A master and a replica that sentinels watch. */
export const watched = async () => {
  const group = await startSentinel();
  const store = { sentinels: group.urls, master: group.name };
  return { group, store, stop: () => group.stop() };
};
