// The fault table's rows about refused access: passwords and certificates.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { away } from './bounds.mjs';
import { guarded, rotating, secured } from './set-ups.mjs';

/** A server checks passwords and shows certificates only when a connection begins. */
const hangUpOnAll = (server) => server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

/** Every process got a fault with such a message. */
const told =
  (pattern) =>
  async ({ workers }) => {
    for (const { reasons } of workers) {
      const all = Object.keys(reasons);
      assert.ok(
        all.some((reason) => pattern.test(reason)),
        `not told of ${pattern}: ${all}`,
      );
    }
  };

export const rows = [
  {
    name: 'password changed',
    setUp: guarded,
    async fault({ fixture: { server, password }, full }) {
      await server.command('CONFIG', 'SET', 'requirepass', 'another');
      await hangUpOnAll(server);
      await sleep(full ? 3000 : 800);
      await server.command('CONFIG', 'SET', 'requirepass', password);
    },
    bound: away,
    verify: told(/^refused: WRONGPASS the server refused the user or the password$/),
  },
  {
    name: 'password changed, a function gives it',
    setUp: rotating,
    async fault({ fixture: { server, tell }, random }) {
      const next = `password${random()}`;
      await server.command('CONFIG', 'SET', 'requirepass', next);
      await hangUpOnAll(server);
      // The service that gives tokens is a little behind.
      await sleep(300 * random());
      tell(next);
    },
    bound: away,
  },
  {
    name: 'certificate for another name',
    setUp: secured,
    async fault({ fixture: { server, show }, full }) {
      await show('elsewhere');
      await hangUpOnAll(server);
      await sleep(full ? 3000 : 800);
      await show('server');
    },
    bound: away,
    verify: told(/the server's certificate was refused: it is not for '127\.0\.0\.1'/),
  },
];
