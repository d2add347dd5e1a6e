import { Dns4torError, problemOf } from '../../failures/errors.ts';
import { runOrThrow } from '../command.ts';
import type { Machine, Target } from '../machine.ts';
import { detectManagers } from '../managers/detect-managers.ts';
import { readState, sameState, writeState } from './file-state.ts';
import { makeDirectory } from './file-system.ts';
import { type Journal, writeJournal } from './journal.ts';
import { changesOf, computePlan, type ExistingFiles, type Plan } from './plan.ts';
import { restore } from './restore.ts';

/** The kernel's list of network interfaces (sysfs(5)). */
const INTERFACES = '/sys/class/net';

/** What is about to be done, and how to undo it. */
export interface Prepared {
  readonly plan: Plan;
  readonly journal: Journal;
}

/**
 * Plans an installation on the machine as it is now. Changes nothing.
 *
 * @param existing see `computePlan`
 * @throws {Dns4torError} as `computePlan`
 */
export async function prepare(
  { fs, run }: Machine,
  target: Target,
  untilEpochMs?: number,
  existing?: ExistingFiles,
): Promise<Prepared> {
  const plan = await computePlan(fs, await detectManagers(fs, run), target, existing);
  const { restore: commands, directories } = plan;
  const until = untilEpochMs === undefined ? {} : { untilEpochMs };
  const changes = changesOf(plan);
  return { plan, journal: { phase: 'applying', target, changes, directories, restore: commands, ...until } };
}

/** The journal while a pause ends. It counts as a pause, so that a later command can complete or end it. */
export function asResuming(paused: Journal, applying: Journal): Journal {
  return { ...paused, ...applying, phase: 'resuming' };
}

/**
 * Writes the journal, then carries out the plan. The caller holds the lock, and rolls back if this rejects.
 *
 * @throws {Dns4torError} ERR_SYSTEM_CHANGED if a file is no longer as it was planned from; ERR_SYSTEM_FILE,
 *   ERR_SYSTEM_COMMAND
 */
export async function apply({ fs, run }: Machine, { plan, journal }: Prepared): Promise<void> {
  await writeJournal(fs, journal);
  for (const directory of plan.directories) await makeDirectory(fs, directory, 0o755);
  for (const step of plan.steps) {
    if ('run' in step) {
      await runOrThrow(run, step.run).catch(async (error: unknown) => {
        if (step.link === undefined || (await fs.inspect(`${INTERFACES}/${step.link}`)) !== undefined) throw error;
      });
      continue;
    }
    const { path, before, after } = 'backup' in step ? step.backup : step.change;
    if (!sameState(await readState(fs, path), before)) throw new Dns4torError('ERR_SYSTEM_CHANGED', path);
    await writeState(fs, path, after);
  }
}

/** Records in the journal that the installation has succeeded: until a deadline to confirm it, or for good. */
export async function recordInstalled({ fs }: Machine, applied: Journal, untilEpochMs?: number): Promise<Journal> {
  const { untilEpochMs: _, ...kept } = applied;
  const journal: Journal =
    untilEpochMs === undefined ? { ...kept, phase: 'installed' } : { ...kept, phase: 'unconfirmed', untilEpochMs };
  await writeJournal(fs, journal);
  return journal;
}

/**
 * Restores everything after `error`.
 *
 * @param conclude updates or removes the journal after the files are restored
 * @returns the error to throw: `error`, or ERR_SYSTEM_HALFWAY if the roll-back failed too
 */
export async function rollBack(
  machine: Machine,
  journal: Journal,
  error: unknown,
  conclude: () => Promise<void>,
): Promise<unknown> {
  try {
    await restore(machine, journal);
    await conclude();
    return error;
  } catch (second) {
    return new Dns4torError('ERR_SYSTEM_HALFWAY', problemOf(error), new AggregateError([error, second]));
  }
}
