import { Dns4torError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { apply, asResuming, prepare, type Prepared, settleOn, takenBack } from './transaction/apply.ts';
import { checkNameservers } from './managers/check-nameservers.ts';
import {
  type Journal,
  readJournal,
  refuseUntrustedJournal,
  removeJournal,
  writeJournal,
} from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import type { Machine } from './machine.ts';
import { warnOfOtherLinks } from './managers/other-links.ts';
import { isOwnSocketClosed } from './sockets/own-socket.ts';
import { keptOf } from './transaction/plan.ts';
import { intoPause, isOfPause } from './paused.ts';
import { findEdited, refuseEdited, restore, restoreByForce, sortByPlace } from './transaction/restore.ts';
import { armSettleTimer, disarmSettleTimer } from './transaction/settle-timer.ts';
import type { Target } from './target.ts';

export interface InstallOptions {
  /**
   * Undoes the installation this long after the checks unless {@link confirm} is called; ignored if installed already.
   */
  readonly confirmWithinMs?: number | undefined;
  /** Writes files again that somebody has changed since, and keeps copies of those versions. @default false */
  readonly force?: boolean;
}

/**
 * Makes dns4tor the resolver of this machine, all or nothing. If it is installed already, configures managers that
 * appeared since and checks again. Ends a pause; if that fails, the pause continues.
 *
 * @returns the journal of what is in place
 * @throws {Dns4torError} ERR_SYSTEM_UNANSWERED, ERR_SYSTEM_SOCKET, ERR_SYSTEM_INSTALLED, ERR_SYSTEM_EDITED,
 *   ERR_SYSTEM_UNRESOLVED, ERR_UNTRUSTED_PATH and what `computePlan` throws, with nothing changed; ERR_SYSTEM_CHECK,
 *   ERR_SYSTEM_CHANGED, ERR_SYSTEM_FILE, ERR_SYSTEM_COMMAND with everything put back; ERR_SYSTEM_HALFWAY if
 *   that failed too
 */
export function install(machine: Machine, target: Target, options: InstallOptions = {}): Promise<Journal> {
  return withLock(machine, async () => {
    await refuseUntrustedJournal(machine.fs);
    const journal = await readJournal(machine.fs);
    const installed = await findInstalled(machine, journal, target, options);
    await checkUpstream(machine, target);
    const settled =
      installed === undefined ? await installAnew(machine, target, journal, options) : await extend(machine, installed);
    await warnOfOtherLinks(machine);
    return settled;
  });
}

/**
 * The journal of an installation that is in place or, with `force`, can be repaired; undefined if something has to be
 * put back first, or if nothing is installed.
 *
 * @throws {Dns4torError} ERR_SYSTEM_INSTALLED, ERR_SYSTEM_EDITED
 */
export async function findInstalled(
  machine: Machine,
  journal: Journal | undefined,
  target: Target,
  { force = false }: Pick<InstallOptions, 'force'> = {},
): Promise<Journal | undefined> {
  if (journal?.phase !== 'installed' && journal?.phase !== 'unconfirmed') return undefined;
  if (!isSameTarget(journal.target, target)) throw new Dns4torError('ERR_SYSTEM_INSTALLED');
  if ((await sortByPlace(machine.fs, journal)).lost.length === 0) return journal;
  if (force && (await findEdited(machine.fs, journal)).length > 0) return journal;
  await refuseEdited(machine, journal);
  return undefined;
}

async function checkUpstream(machine: Machine, target: Target): Promise<void> {
  await machine.checks.upstream(target).catch(async (error: unknown) => {
    const where = formatHostPort(target.address, target.port);
    throw (await isOwnSocketClosed(machine, target)) ? new Dns4torError('ERR_SYSTEM_SOCKET', where, error) : error;
  });
}

/** Where there is a journal, of a pause or of what was cut off, from what that says was there before. */
async function installAnew(
  machine: Machine,
  target: Target,
  journal: Journal | undefined,
  { confirmWithinMs, force = false }: InstallOptions,
): Promise<Journal> {
  const { fs, clock } = machine;
  const deadline = (): number | undefined =>
    confirmWithinMs === undefined ? undefined : clock.epochMs() + confirmWithinMs;
  let paused: Journal | undefined;
  if (journal !== undefined && isOfPause(journal)) {
    paused = await intoPause(machine, journal, force);
  } else if (journal !== undefined && force) {
    await restoreByForce(machine, journal);
  } else if (journal !== undefined) {
    // What was cut off is put back first, so that what is then found is the machine's own.
    await refuseEdited(machine, journal);
    await restore(machine, journal);
  }
  const atLatest = paused === undefined ? deadline() : undefined;
  const { plan, journal: applying } = await prepare(machine, target, atLatest);
  // A pause remains one, with its timer, until it is through.
  const prepared: Prepared = { plan, journal: paused === undefined ? applying : asResuming(paused, applying) };
  try {
    // First of all, so that the way back is open should this process die on the way.
    if (atLatest !== undefined) await armSettleTimer(machine, atLatest);
    await apply(machine, prepared);
    await checkNameservers(machine);
    // The checks alone may have taken the time that there was to confirm it.
    const untilEpochMs = deadline();
    if (untilEpochMs !== undefined) await armSettleTimer(machine, untilEpochMs);
    const settled = await settleOn(machine, applying, untilEpochMs);
    if (untilEpochMs === undefined) await disarmSettleTimer(machine);
    return settled;
  } catch (error) {
    throw await takenBack(machine, prepared.journal, error, async () => {
      if (paused === undefined) {
        await removeJournal(fs);
        await disarmSettleTimer(machine);
      } else {
        if (paused.untilEpochMs !== undefined) await armSettleTimer(machine, paused.untilEpochMs);
        await writeJournal(fs, paused);
      }
    });
  }
}

/** Adds managers that have come since, and writes changed files again. */
async function extend(machine: Machine, journal: Journal): Promise<Journal> {
  const { changes, directories, restore: commands, target, untilEpochMs } = journal;
  const earlier = await sortByPlace(machine.fs, journal);
  const { plan, journal: added } = await prepare(machine, target, untilEpochMs, earlier);
  if (plan.steps.length === 0) {
    await checkNameservers(machine).catch((error: unknown) => {
      throw new Dns4torError('ERR_SYSTEM_UNRESOLVED', undefined, error);
    });
    return journal;
  }
  const known = new Set([...changes.map(({ path }) => path), ...commands.map((command) => command.join(' '))]);
  const extended: Journal = {
    ...added,
    // `uninstall` still has to put back the versions from before the installation.
    changes: [...changes, ...added.changes.filter(({ path }) => !known.has(path))],
    directories: [...directories, ...added.directories.filter((path) => !directories.includes(path))],
    restore: [...commands, ...added.restore.filter((command) => !known.has(command.join(' ')))],
  };
  const wayBack: Journal = { ...added, changes: [...keptOf(plan), ...added.changes] };
  try {
    await apply(machine, { plan, journal: extended });
    await checkNameservers(machine);
    return await settleOn(machine, extended, untilEpochMs);
  } catch (error) {
    throw await takenBack(machine, wayBack, error, () => writeJournal(machine.fs, journal));
  }
}

function isSameTarget(a: Target, b: Target): boolean {
  return a.address === b.address && a.port === b.port;
}
