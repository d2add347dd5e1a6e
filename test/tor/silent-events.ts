import type { TorSurroundings } from '../../src/tor/control/bootstrap-evidence.ts';
import type { TorEvents } from '../../src/tor/tor-events.ts';

/** Ignores all events. */
export const SILENT_EVENTS: TorEvents = {
  onBootstrap: () => {},
  onStuck: () => {},
  onUnstuck: () => {},
  onLog: () => {},
  onExit: () => {},
  onSkipped: () => {},
  onUnproven: () => {},
  onArti: () => {},
  onControl: () => {},
  onControlLost: () => {},
  onOnionAuthFailed: () => {},
  onNewnym: () => {},
  onNewnymRefused: () => {},
};

/** A machine with a network, and a Tor that chooses its relays. */
export const ONLINE: TorSurroundings = { hasNetwork: () => true, entry: 'relays', usesTransport: false };
