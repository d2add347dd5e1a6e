import type { BootstrapFinding } from '../../src/check/bootstrap-finding.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { type ErrorCode, failureKind } from '../../src/failures/failures.ts';
import type { TorKind, TorState } from '../../src/model/tor-status.ts';
import type { TorSnapshot, TroubleSnapshot } from '../../src/status/snapshot.ts';

/** What is found of a Tor that is stuck. */
export function stuck(code: ErrorCode, percent = 5): BootstrapFinding & { readonly trouble: TroubleSnapshot } {
  const { problem, remedy = '' } = new Dns4torError(code, `Tor is stuck at ${percent} %`);
  return {
    state: 'stuck',
    percent,
    summary: 'Connecting to a relay',
    trouble: { reason: failureKind(code).label, problem, remedy },
  };
}

/** What a running dns4tor says about its Tor. */
export function snapshotOf(kind: TorKind, state: TorState, trouble: TroubleSnapshot | null = null): TorSnapshot {
  return {
    kind,
    state,
    bootstrapPercent: state === 'up' ? 100 : 5,
    bootstrapSummary: state === 'down' ? null : 'Connecting to a relay',
    trouble,
    circuits: null,
  };
}
