import { Dns4torError } from '../../failures/errors.ts';
import { runOrThrow } from '../command.ts';
import { detectManagers } from '../managers/detect-managers.ts';
import { makeDirectory } from './directories.ts';
import { readState, sameState, writeState } from './file-state.ts';
import { type Journal, writeJournal } from './journal.ts';
import type { Machine } from '../machine.ts';
import { changesOf, computePlan, type Earlier, type Plan } from './plan.ts';
import { restore } from './restore.ts';
import type { Target } from '../target.ts';

/** Where the kernel lists the network's interfaces (sysfs(5)). */
const LINKS = '/sys/class/net';

/** What is about to be done, and how to undo it. */
export interface Prepared {
  readonly plan: Plan;
  readonly journal: Journal;
}

/**
 * For this machine as it is now. Nothing is changed yet.
 *
 * @param earlier see `computePlan`
 * @throws {Dns4torError} as `computePlan`
 */
export async function prepare(
  { fs, run }: Machine,
  target: Target,
  untilEpochMs?: number,
  earlier?: Earlier,
): Promise<Prepared> {
  const plan = await computePlan(fs, await detectManagers(fs, run), target, earlier);
  const { restore: commands, directories } = plan;
  const until = untilEpochMs === undefined ? {} : { untilEpochMs };
  const changes = changesOf(plan);
  return { plan, journal: { phase: 'applying', target, changes, directories, restore: commands, ...until } };
}

/** While a pause is being ended it is one still, for whoever comes next to end. */
export function asResuming(paused: Journal, applying: Journal): Journal {
  return { ...paused, ...applying, phase: 'resuming' };
}

/** The caller holds the lock, and puts things back if this rejects. */
export async function apply({ fs, run }: Machine, { plan, journal }: Prepared): Promise<void> {
  await writeJournal(fs, journal);
  for (const directory of plan.directories) await makeDirectory(fs, directory, 0o755);
  for (const step of plan.steps) {
    if ('run' in step) {
      await runOrThrow(run, step.run).catch(async (error: unknown) => {
        if (step.link === undefined || (await fs.inspect(`${LINKS}/${step.link}`)) !== undefined) throw error;
      });
      continue;
    }
    const { path, before, after } = 'keep' in step ? step.keep : step.change;
    if (!sameState(await readState(fs, path), before)) throw new Dns4torError('ERR_SYSTEM_CHANGED', path);
    await writeState(fs, path, after);
  }
}

/** Notes that it stays, until it is confirmed or for good. */
export async function settleOn({ fs }: Machine, applied: Journal, untilEpochMs?: number): Promise<Journal> {
  const { untilEpochMs: _, ...kept } = applied;
  const journal: Journal =
    untilEpochMs === undefined ? { ...kept, phase: 'installed' } : { ...kept, phase: 'unconfirmed', untilEpochMs };
  await writeJournal(fs, journal);
  return journal;
}

/**
 * Puts everything back after `error`, and returns what to throw.
 *
 * @param conclude notes what there is then
 */
export async function takenBack(
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
    const reason = error instanceof Error ? error.message : String(error);
    return new Dns4torError('ERR_SYSTEM_HALFWAY', reason, new AggregateError([error, second]));
  }
}
