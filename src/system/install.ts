import { Dns4torError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { runOrThrow } from './command.ts';
import { detectManagers } from './detect.ts';
import { makeDirectory } from './directories.ts';
import { readState, sameState, writeState } from './file-state.ts';
import { type Journal, readJournal, removeJournal, writeJournal } from './journal.ts';
import { withLock } from './lock.ts';
import type { Machine } from './machine.ts';
import { isOwnSocketClosed } from './own-socket.ts';
import { changesOf, computePlan, type Plan } from './plan.ts';
import { areLocal, readNameservers } from './resolv-conf.ts';
import { isInPlace, refuseEdited, restore } from './restore.ts';
import { armSettleTimer, disarmSettleTimer } from './settle-timer.ts';
import type { Target } from './target.ts';

/** What to change on this machine as it is now. Nothing is changed. @throws {Dns4torError} as `computePlan` */
export async function planInstallation({ fs, run }: Machine, target: Target): Promise<Plan> {
  return computePlan(fs, await detectManagers(fs, run), target);
}

/**
 * Makes dns4tor the resolver of this machine: everything, or nothing where any of it fails. Where it is so already, nothing is done. It ends a pause.
 *
 * @param confirmWithinMs takes it back by itself after this time unless {@link confirm} comes before
 * @returns the journal of what is in place
 * @throws {Dns4torError} ERR_SYSTEM_UNANSWERED, ERR_SYSTEM_SOCKET, ERR_SYSTEM_INSTALLED, ERR_SYSTEM_EDITED and what `computePlan` throws, with nothing changed;
 *   ERR_SYSTEM_CHECK, ERR_SYSTEM_FILE, ERR_SYSTEM_COMMAND with everything put back; ERR_SYSTEM_HALFWAY where that failed, too
 */
export function install(machine: Machine, target: Target, confirmWithinMs?: number): Promise<Journal> {
  return withLock(machine, async () => {
    const { fs, clock, checks } = machine;
    const journal = await readJournal(fs);
    if (journal?.phase === 'installed' || journal?.phase === 'unconfirmed') {
      if (!isSameTarget(journal.target, target)) throw new Dns4torError('ERR_SYSTEM_INSTALLED');
      if (!(await isInPlace(machine, journal))) await refuseEdited(machine, journal);
      if (await isInPlace(machine, journal)) return journal;
    }
    await checks.upstream(target).catch(async (error: unknown) => {
      const { address, port } = target;
      const where = formatHostPort(address, port);
      throw (await isOwnSocketClosed(machine, target)) ? new Dns4torError('ERR_SYSTEM_SOCKET', where, error) : error;
    });
    // What was cut off is put back first, so that what is then found is the machine's own.
    if (journal !== undefined && journal.phase !== 'paused') {
      await refuseEdited(machine, journal);
      await restore(machine, journal);
    }
    const untilEpochMs = confirmWithinMs === undefined ? undefined : clock.epochMs() + confirmWithinMs;
    const prepared = await prepare(machine, target, untilEpochMs);
    try {
      // First of all, so that the way back is open should this process die on the way.
      if (untilEpochMs !== undefined) await armSettleTimer(machine, untilEpochMs);
      else await disarmSettleTimer(machine);
      await apply(machine, prepared);
      await checkNameservers(machine);
      return await settleOn(machine, prepared.journal);
    } catch (error) {
      throw await takenBack(machine, prepared.journal, error);
    }
  });
}

/** What is about to be done, and how to undo it. */
export interface Prepared {
  readonly plan: Plan;
  readonly journal: Journal;
}

/** For this machine as it is now. Nothing is changed yet. @throws {Dns4torError} as `computePlan` */
export async function prepare(machine: Machine, target: Target, untilEpochMs?: number): Promise<Prepared> {
  const plan = await planInstallation(machine, target);
  const { restore: commands, directories } = plan;
  const until = untilEpochMs === undefined ? {} : { untilEpochMs };
  const changes = changesOf(plan);
  return { plan, journal: { phase: 'applying', target, changes, directories, restore: commands, ...until } };
}

/** The caller holds the lock, and puts things back if this rejects. */
export async function apply({ fs, run }: Machine, { plan, journal }: Prepared): Promise<void> {
  await writeJournal(fs, journal);
  for (const directory of plan.directories) await makeDirectory(fs, directory, 0o755);
  for (const step of plan.steps) {
    if ('run' in step) {
      await runOrThrow(run, step.run);
      continue;
    }
    const { path, before, after } = step.change;
    if (!sameState(await readState(fs, path), before)) throw new Dns4torError('ERR_SYSTEM_EDITED', path);
    await writeState(fs, path, after);
  }
}

/** Notes that it stays, until it is confirmed or for good. */
export async function settleOn({ fs }: Machine, applied: Journal): Promise<Journal> {
  const journal: Journal = { ...applied, phase: applied.untilEpochMs === undefined ? 'installed' : 'unconfirmed' };
  await writeJournal(fs, journal);
  return journal;
}

/** @throws {Dns4torError} ERR_SYSTEM_CHECK */
export async function checkNameservers({ fs, checks }: Machine): Promise<void> {
  const nameservers = await readNameservers(fs);
  const [first] = nameservers;
  if (first === undefined || !areLocal(nameservers)) {
    throw new Dns4torError('ERR_SYSTEM_CHECK', `resolv.conf names ${nameservers.join(', ') || 'no server'}`);
  }
  await checks.nameserver(first);
}

/** Puts everything back after `error`, and returns what to throw. */
async function takenBack(machine: Machine, journal: Journal, error: unknown): Promise<unknown> {
  try {
    await restore(machine, journal);
    await removeJournal(machine.fs);
    await disarmSettleTimer(machine);
    return error;
  } catch (second) {
    const reason = error instanceof Error ? error.message : String(error);
    return new Dns4torError('ERR_SYSTEM_HALFWAY', reason, new AggregateError([error, second]));
  }
}

function isSameTarget(a: Target, b: Target): boolean {
  return a.address === b.address && a.port === b.port;
}
