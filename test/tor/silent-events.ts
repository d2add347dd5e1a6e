import type { TorEvents } from '../../src/tor/tor-events.ts';

/** For tests that look elsewhere. */
export const SILENT_EVENTS: TorEvents = {
  onBootstrap: () => {},
  onLog: () => {},
  onExit: () => {},
  onNotTaken: () => {},
  onUnproven: () => {},
  onControl: () => {},
  onControlLost: () => {},
  onOnionAuthFailed: () => {},
  onNewnym: () => {},
  onNewnymRefused: () => {},
};
