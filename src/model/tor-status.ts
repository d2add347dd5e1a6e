import type { Dns4torError } from '../failures/errors.ts';

/**
 * States of Tor; the `state` label of `dns4tor_tor_state`. `stuck`: it is bootstrapping, but has made no progress for
 * some time.
 */
export const TOR_STATES = ['unknown', 'down', 'bootstrapping', 'stuck', 'up'] as const;
export type TorState = (typeof TOR_STATES)[number];

/** CircStatus of live circuits (control-spec, "CIRC"), in lower case; the `state` label of `dns4tor_tor_circuits`. */
export const CIRCUIT_STATES = ['launched', 'guard_wait', 'extended', 'built'] as const;
export type CircuitState = (typeof CIRCUIT_STATES)[number];

/** Tor's log severities; the `severity` label of `dns4tor_tor_log_lines_total`. */
export const TOR_SEVERITIES = ['debug', 'info', 'notice', 'warn', 'err'] as const;
export type TorSeverity = (typeof TOR_SEVERITIES)[number];

/** Bootstrap progress of a Tor that is ready. */
export const BOOTSTRAPPED_PERCENT = 100;

/** What is known of Tor at one moment. */
export interface TorStatus {
  readonly state: TorState;
  /** Bootstrap progress, 0 to {@link BOOTSTRAPPED_PERCENT}. */
  readonly bootstrapPercent: number;
  /** Tor's own description of the bootstrap phase. Absent without a control connection. */
  readonly bootstrapSummary?: string;
  /** Why Tor is stuck, with the remedy. Present if and only if the state is `stuck`. */
  readonly trouble?: Dns4torError;
  /** Number of circuits by state, including other programs' circuits. Absent without a control connection. */
  readonly circuits?: Readonly<Record<CircuitState, number>>;
}

/** Kinds of Tor: `external` runs independently of dns4tor, `managed` was started by dns4tor. */
const TOR_KINDS = ['external', 'managed'] as const;
export type TorKind = (typeof TOR_KINDS)[number];
