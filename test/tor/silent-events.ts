import type { TorEvents } from '../../src/tor/tor-events.ts';

/** For tests that look elsewhere. */
export const SILENT_EVENTS: TorEvents = {
  onBootstrap: () => {},
  onLog: () => {},
  onExit: () => {},
  onControl: () => {},
  onControlLost: () => {},
  onOnionAuthFailed: () => {},
  onNewnym: () => {},
  onNewnymRefused: () => {},
};
