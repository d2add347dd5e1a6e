/** Exit codes of the process. Supervisors and scripts depend on them. */
export const EXIT_CODES = {
  /** Success. For the daemon: it was told to stop. */
  ok: 0,
  /** Failure for a reason other than the command line and configuration. For `check`: a check failed. */
  failure: 1,
  /** The command line or the configuration is invalid, so that another start would fail, too. */
  usage: 2,
  /** A defect of dns4tor (sysexits.h, EX_SOFTWARE). */
  defect: 70,
} as const;

/** A process that a signal ended exits with this number plus that of the signal, by the shells' convention. */
export const SIGNAL_EXIT_BASE = 128;
