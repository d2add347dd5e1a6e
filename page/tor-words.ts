import type { TorSnapshot } from '../src/status/snapshot.ts';

export const TOR_STATES = {
  unknown: 'It is not known yet whether Tor can be used.',
  down: 'Tor cannot be reached, or has no way to its network.',
  bootstrapping: 'Tor connects to its network.',
  up: 'Tor is connected.',
} as const satisfies Record<TorSnapshot['state'], string>;

/** The words of `dns4tor status`, too. */
export const TOR_KINDS = {
  external: 'one that dns4tor did not start',
  managed: 'one that dns4tor started',
} as const satisfies Record<NonNullable<TorSnapshot['kind']>, string>;
