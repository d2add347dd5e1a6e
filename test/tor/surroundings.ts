import type { TorSurroundings } from '../../src/tor/control/bootstrap-evidence.ts';

/** A machine with a network, and a Tor that chooses its relays. */
export const ONLINE: TorSurroundings = { hasNetwork: () => true, entry: 'relays', usesTransport: false };
