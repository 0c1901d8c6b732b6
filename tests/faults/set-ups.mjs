// What rows of the fault table run on: each resolves to a fixture, `{ store, stop }` and what its faults need.

import { startFaultProxy } from '../support/fault-proxy.mjs';
import { hangingResolver } from '../support/hanging-resolver.mjs';
import { startRedis } from '../support/redis-server.mjs';
import { steppedClock } from '../support/stepped-clock.mjs';

/** A server, asked directly. */
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

/** A server behind a proxy, found by a name whose look-up can be let hang. */
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
