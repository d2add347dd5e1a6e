import type { TorEvents } from '../../src/tor/tor-events.ts';

/** Ignores all events. */
export const SILENT_EVENTS: TorEvents = {
  onBootstrap: () => {},
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
