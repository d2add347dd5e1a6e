import { type Journal, type Phase, writeJournal } from './transaction/journal.ts';
import type { Machine } from './machine.ts';
import { refuseEdited, restore, restoreByForce } from './transaction/restore.ts';

/** The phases of a pause, of which the first and the last are under way, or were cut off. */
const OF_A_PAUSE: ReadonlySet<Phase> = new Set(['pausing', 'paused', 'resuming']);

export function isOfPause({ phase }: Journal): boolean {
  return OF_A_PAUSE.has(phase);
}

/**
 * Brings a pause whose beginning or end was cut off to where everything is as before dns4tor.
 *
 * @param force uses {@link restoreByForce} instead of refusing changed files
 * @returns the journal of that pause
 * @throws {Dns4torError} ERR_SYSTEM_EDITED with nothing changed; ERR_SYSTEM_FILE
 */
export async function intoPause(machine: Machine, journal: Journal, force: boolean = false): Promise<Journal> {
  if (journal.phase === 'paused') return journal;
  const paused: Journal = { ...journal, phase: 'paused' };
  if (force) {
    await restoreByForce(machine, journal);
  } else {
    await refuseEdited(machine, journal);
    await restore(machine, journal);
  }
  await writeJournal(machine.fs, paused);
  return paused;
}
