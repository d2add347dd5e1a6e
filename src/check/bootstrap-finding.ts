import { type Dns4torError, toDns4torError } from '../failures/errors.ts';
import { failureKind } from '../failures/failures.ts';
import type { TorState, TorStatus } from '../model/tor-status.ts';
import type { StatusSnapshot, TorSnapshot, TroubleSnapshot } from '../status/snapshot.ts';
import { PauseAdvice } from '../system/pause-advice.ts';
import type { FileSystem } from '../system/transaction/file-system.ts';
import type { TorAnswers } from './ask-tor.ts';
import type { TorFinding } from './find-tor.ts';

/** How far Tor is on the way to its network. */
export interface BootstrapFinding {
  readonly state: TorState;
  /** 0 to 100. */
  readonly percent: number;
  /** Tor's own description of the phase. */
  readonly summary: string | undefined;
  /** Why Tor makes no progress. Present if and only if the state is `stuck`. */
  readonly trouble?: TroubleSnapshot;
}

/** What checks look at in the status of a running dns4tor. */
export type RunningStatus = Pick<StatusSnapshot, 'tor'>;

/** Who knows how far Tor is. */
export interface BootstrapSources {
  readonly found: TorFinding;
  /** The status of a running dns4tor; undefined if none answers. */
  readonly running: RunningStatus | undefined;
  /** @throws Dns4torError ERR_TOR_CONTROL the control port is unusable */
  readonly answers: () => Promise<TorAnswers>;
  /** Watches Tor over its control port. @throws Dns4torError ERR_TOR_CONTROL */
  readonly watch: () => Promise<TorStatus>;
  readonly fs: FileSystem;
}

/**
 * Finds out how far Tor is. A running dns4tor has followed Tor's bootstrap from the start, so it knows why it is stuck,
 * and for how long. Where none runs, Tor is watched for some time: its control port tells the current phase only.
 *
 * @returns undefined if nobody tells
 * @throws Dns4torError ERR_TOR_CONTROL the control port is unusable, and no dns4tor follows this Tor
 */
export async function findBootstrap(sources: BootstrapSources): Promise<BootstrapFinding | undefined> {
  const { found, running, answers, watch } = sources;
  const told = running?.tor.kind === kindOf(found) ? findingOf(running.tor) : undefined;
  if (found.kind !== 'running') return told;
  try {
    const { status } = await answers();
    if (status.state === 'up') return toFinding(sources, status);
    // With another phase, it follows another Tor.
    if (told?.trouble !== undefined && told.percent === status.bootstrapPercent) return told;
    return await toFinding(sources, await watch());
  } catch (error) {
    if (told === undefined) throw toDns4torError(error);
    return told;
  }
}

/** The kind of Tor that a running dns4tor must have for both to mean the same one. */
function kindOf(found: TorFinding): TorSnapshot['kind'] {
  if (found.kind === 'running') return found.isManaged ? 'managed' : 'external';
  return found.kind === 'startable' ? 'managed' : null;
}

/** Undefined if the running dns4tor does not follow Tor over a control port. */
function findingOf({ state, bootstrapPercent, bootstrapSummary, trouble }: TorSnapshot): BootstrapFinding | undefined {
  if (bootstrapSummary === null) return undefined;
  return { state, percent: bootstrapPercent, summary: bootstrapSummary, ...(trouble === null ? {} : { trouble }) };
}

async function toFinding({ fs }: BootstrapSources, status: TorStatus): Promise<BootstrapFinding> {
  const { state, bootstrapPercent: percent, bootstrapSummary: summary, trouble } = status;
  return { state, percent, summary, ...(trouble === undefined ? {} : { trouble: await describe(fs, trouble) }) };
}

/** Words the trouble as a running dns4tor does. */
async function describe(fs: FileSystem, trouble: Dns4torError): Promise<TroubleSnapshot> {
  const advice = new PauseAdvice(fs);
  await advice.refresh();
  const { code, problem, remedy = '' } = advice.advise(trouble);
  return { reason: failureKind(code).label, problem, remedy };
}
