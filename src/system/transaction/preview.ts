import { detectManagers } from '../managers/detect-managers.ts';
import { isErrno } from './file-system.ts';
import { findInstalled, type InstallOptions } from '../install.ts';
import { readJournal, refuseUntrustedJournal } from './journal.ts';
import type { Machine } from '../machine.ts';
import { computePlan, type Plan } from './plan.ts';
import { sortByPlace } from './restore.ts';
import type { Target } from '../target.ts';

/**
 * What `install` would do on this machine as it is now; a plan without steps where it has done all of it already. Nothing is changed.
 *
 * @returns `unreadable` where there is an installation that this user may not look into; `cut off` where first that would be put back, which then
 *   tells what was there before
 * @throws {Dns4torError} as `install`, with nothing changed
 */
export async function previewInstallation(
  machine: Machine,
  target: Target,
  options: Pick<InstallOptions, 'force'> = {},
): Promise<Plan | 'unreadable' | 'cut off'> {
  const { fs, run } = machine;
  await refuseUntrustedJournal(fs);
  const journal = await readJournal(fs).catch((error: unknown) => {
    if (error instanceof Error && isErrno(error.cause, 'EACCES')) return 'unreadable' as const;
    throw error;
  });
  if (journal === 'unreadable') return journal;
  const installed = await findInstalled(machine, journal, target, options);
  if (journal !== undefined && installed === undefined && journal.phase !== 'paused') return 'cut off';
  const earlier = installed === undefined ? {} : await sortByPlace(fs, installed);
  return computePlan(fs, await detectManagers(fs, run), target, earlier);
}
