/** What the process ends with, so that supervisors and scripts can tell the cases apart. */
export const EXIT_CODES = {
  /** It did what was asked; for a daemon: it was told to stop. */
  ok: 0,
  /** It could not start, or do what was asked, for a reason outside its command line and configuration; for `check`: something failed. */
  failure: 1,
  /** The command line or the configuration is wrong; starting again changes nothing. */
  usage: 2,
  /** sysexits.h EX_SOFTWARE: a defect of ours. */
  defect: 70,
} as const;

/** By the shells' convention, what a process ends with that a signal ended. */
export const SIGNAL_EXIT_BASE = 128;
