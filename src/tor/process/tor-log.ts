const SEVERITIES = ['debug', 'info', 'notice', 'warn', 'err'] as const;
/** How tor itself ranks what it logs. */
export type TorSeverity = (typeof SEVERITIES)[number];

export interface TorLogLine {
  readonly severity: TorSeverity;
  readonly message: string;
}

/** Reads a line that tor wrote to its standard output: `Jan 02 03:04:05.678 [notice] Bootstrapped 0% (starting): Starting`. */
export function parseTorLogLine(line: string): TorLogLine {
  const [, severity, message] = /^\w{3} \d{2} [\d:.]+ \[(\w+)\] (.*)$/.exec(line) ?? [];
  const known = SEVERITIES.find((name) => name === severity);
  // Without that form it comes from before tor's logging, as the loader's complaints do.
  return known === undefined || message === undefined
    ? { severity: 'warn', message: line }
    : { severity: known, message };
}
