// redis() as the tests call it, over what SLUICE_TRANSPORT names: a connection of Sluice's own, or a client.

import { after } from 'node:test';
import { redis as ownLink } from 'sluice';
import { CLIENTS } from './clients.mjs';

const kind = CLIENTS[process.env.SLUICE_TRANSPORT];
const clients = new Map();

/** The client of a URL; one for all who ask. Closed when all tests are done. */
function clientOf(url) {
  if (!clients.has(url)) clients.set(url, kind.open(url));
  return clients.get(url);
}

after(() => {
  for (const client of clients.values()) kind.close(client);
});

export function redis(url) {
  return kind ? ownLink({ client: clientOf(url) }) : ownLink(url);
}
