// Debian's package tools with lists and a cache of their own: the system's package sources do not change.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The file of Debian's keys, from the package debian-archive-keyring. */
export const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The options of apt-get and apt-cache. They keep everything in `folder`.
 * `entries`: `[kind, suite, archive]`, such as `['deb-src', 'trixie', 'debian']`. `architecture`: Debian's name of
 * another processor, whose packages do not depend on those that are installed here.
 */
export function aptOptions(folder, entries, architecture) {
  for (const name of [
    ['lists', 'partial'],
    ['cache', 'archives', 'partial'],
  ]) {
    mkdirSync(join(folder, ...name), { recursive: true });
  }
  const chosen = architecture ? `arch=${architecture} ` : '';
  const lines = entries.map(
    ([kind, suite, archive]) =>
      `${kind} [${chosen}signed-by=${KEYRING}] http://deb.debian.org/${archive} ${suite} main\n`,
  );
  writeFileSync(join(folder, 'sources.list'), lines.join(''));
  const other = architecture
    ? [
        'Dir::State::status=/dev/null',
        `APT::Architecture=${architecture}`,
        `APT::Architectures=${architecture}`,
      ]
    : [];
  return [
    `Dir::Cache=${join(folder, 'cache')}`,
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    'Debug::NoLocking=true',
    'APT::Sandbox::User=root',
    ...other,
  ].flatMap((option) => ['-o', option]);
}
