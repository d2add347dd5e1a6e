/** Where a tor of any kind stands; the `state` label of `dns4tor_tor_state`. */
export const TOR_STATES = ['unknown', 'down', 'bootstrapping', 'up'] as const;
export type TorState = (typeof TOR_STATES)[number];

/** What a circuit can be while there is one (control-spec, "CircStatus"); the `state` label of `dns4tor_tor_circuits`. */
export const CIRCUIT_STATES = ['launched', 'guard_wait', 'extended', 'built'] as const;
export type CircuitState = (typeof CIRCUIT_STATES)[number];

/** What is known of a tor at one moment. */
export interface TorStatus {
  readonly state: TorState;
  /** 0 to 100. */
  readonly bootstrapPercent: number;
  /** What it is doing to get further, in its words; absent where its control port is not read. */
  readonly bootstrapSummary?: string;
  /** How many circuits it has, those of other programs included; absent where its control port is not read. */
  readonly circuits?: Readonly<Record<CircuitState, number>>;
}

/** Whose a tor is: one that runs for others too, or one that dns4tor has started for itself. */
const TOR_KINDS = ['external', 'managed'] as const;
export type TorKind = (typeof TOR_KINDS)[number];
