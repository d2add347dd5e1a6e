import { Dns4torError } from '../failures/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Machine, Target } from './machine.ts';
import { detectManagers } from './managers/detect-managers.ts';
import { isOwnFile } from './managers/manager-config.ts';
import { warnAboutOtherLinks } from './managers/other-links.ts';
import { checkNameservers } from './managers/resolv-conf.ts';
import { completePause } from './pause.ts';
import { isSocketUnitStopped } from './sockets/socket-unit.ts';
import { apply, asResuming, type Prepared, prepare, recordInstalled, rollBack } from './transaction/apply.ts';
import { isErrno } from './transaction/file-system.ts';
import {
  isPause,
  type Journal,
  readJournal,
  refuseUntrustedJournal,
  removeJournal,
  writeJournal,
} from './transaction/journal.ts';
import { withLock } from './transaction/lock.ts';
import { backupsOf, computePlan, type Plan } from './transaction/plan.ts';
import { classifyFiles, findEdited, refuseEdited, restore, restoreByForce } from './transaction/restore.ts';
import { armSettleTimer, disarmSettleTimer } from './transaction/settle-timer.ts';

/** What {@link install} does beyond its default. */
export interface InstallOptions {
  /**
   * Rolls the installation back this long after the checks unless {@link confirm} is called. Ignored if dns4tor is
   * installed already.
   */
  readonly confirmWithinMs?: number | undefined;
  /**
   * Also overwrites edited files of which only some lines are dns4tor's, or that were edited during an interrupted
   * command. Copies of the edited versions are kept. @default false
   */
  readonly force?: boolean;
}

/**
 * Makes dns4tor the resolver of this machine, all or nothing. If it is installed already, takes back the files that
 * another program has replaced ({@link isOwnFile}) and keeps that program's versions beside them, configures managers
 * that appeared since, and checks again. Ends a pause; if that fails, the pause continues.
 *
 * @returns the journal of what is in place
 * @throws {Dns4torError} ERR_SYSTEM_UNANSWERED, ERR_SYSTEM_SOCKET, ERR_SYSTEM_INSTALLED, ERR_SYSTEM_EDITED,
 *   ERR_SYSTEM_UNRESOLVED, ERR_UNTRUSTED_PATH and what `computePlan` throws, with nothing changed; ERR_SYSTEM_CHECK,
 *   ERR_SYSTEM_CHANGED, ERR_SYSTEM_FILE, ERR_SYSTEM_COMMAND with everything rolled back; ERR_SYSTEM_HALFWAY if
 *   the roll-back failed too
 */
export function install(machine: Machine, target: Target, options: InstallOptions = {}): Promise<Journal> {
  return withLock(machine, async () => {
    await refuseUntrustedJournal(machine.fs);
    const journal = await readJournal(machine.fs);
    const installed = await findInstalled(machine, journal, target, options);
    await checkUpstream(machine, target);
    const settled =
      installed === undefined ? await installAnew(machine, target, journal, options) : await extend(machine, installed);
    await warnAboutOtherLinks(machine);
    return settled;
  });
}

/**
 * Computes what `install` would do now, without changing anything. The plan has no steps if everything is in place.
 *
 * @returns `unreadable` if an installation exists that this user may not read; `cut off` if an interrupted command has
 *   to be rolled back first, so that the plan cannot be known yet
 * @throws {Dns4torError} as `install`, with nothing changed
 */
export async function previewInstallation(
  machine: Machine,
  target: Target,
  options: Pick<InstallOptions, 'force'> = {},
): Promise<Plan | 'unreadable' | 'interrupted'> {
  const { fs, run } = machine;
  await refuseUntrustedJournal(fs);
  const journal = await readJournal(fs).catch((error: unknown) => {
    if (error instanceof Error && isErrno(error.cause, 'EACCES')) return 'unreadable' as const;
    throw error;
  });
  if (journal === 'unreadable') return journal;
  const installed = await findInstalled(machine, journal, target, options);
  if (journal !== undefined && installed === undefined && journal.phase !== 'paused') return 'interrupted';
  const existing = installed === undefined ? {} : await classifyFiles(fs, installed);
  return computePlan(fs, await detectManagers(fs, run), target, existing);
}

/**
 * Returns the journal of an installation that is in place or can be repaired. Undefined if nothing is installed, or if
 * something has to be restored first.
 *
 * Without `force`, only dns4tor's own files are repaired. Writing a shared file again would bring back its other lines
 * from the time of the installation, for example those of an older version of a DHCP client's script.
 *
 * @throws {Dns4torError} ERR_SYSTEM_INSTALLED, ERR_SYSTEM_EDITED
 */
async function findInstalled(
  machine: Machine,
  journal: Journal | undefined,
  target: Target,
  { force = false }: Pick<InstallOptions, 'force'> = {},
): Promise<Journal | undefined> {
  if (journal?.phase !== 'installed' && journal?.phase !== 'unconfirmed') return undefined;
  if (!isSameTarget(journal.target, target)) throw new Dns4torError('ERR_SYSTEM_INSTALLED');
  if ((await classifyFiles(machine.fs, journal)).altered.length === 0) return journal;
  const edited = await findEdited(machine.fs, journal);
  const shared = force ? [] : edited.filter((path) => !isOwnFile(path));
  if (shared.length > 0) throw new Dns4torError('ERR_SYSTEM_EDITED', shared.join(', '));
  return edited.length > 0 ? journal : undefined;
}

async function checkUpstream(machine: Machine, target: Target): Promise<void> {
  await machine.checks.upstream(target).catch(async (error: unknown) => {
    const where = formatHostPort(target.address, target.port);
    throw (await isSocketUnitStopped(machine, target)) ? new Dns4torError('ERR_SYSTEM_SOCKET', where, error) : error;
  });
}

/**
 * Installs from the original state. If there is a journal, of a pause or an interrupted command, restores that first.
 */
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
  if (journal !== undefined && isPause(journal)) {
    paused = await completePause(machine, journal, force);
  } else if (journal !== undefined && force) {
    await restoreByForce(machine, journal);
  } else if (journal !== undefined) {
    // The plan must start from the machine's own files, not from half of ours.
    await refuseEdited(machine, journal);
    await restore(machine, journal);
  }
  const provisionalDeadline = paused === undefined ? deadline() : undefined;
  const { plan, journal: applying } = await prepare(machine, target, provisionalDeadline);
  // Until the installation has succeeded, a pause stays a pause, with its timer.
  const prepared: Prepared = { plan, journal: paused === undefined ? applying : asResuming(paused, applying) };
  try {
    // Armed before any change, so that the timer rolls everything back if this process dies.
    if (provisionalDeadline !== undefined) await armSettleTimer(machine, provisionalDeadline);
    await apply(machine, prepared);
    await checkNameservers(machine);
    // The time to confirm starts after the checks, which may take long.
    const untilEpochMs = deadline();
    if (untilEpochMs !== undefined) await armSettleTimer(machine, untilEpochMs);
    const settled = await recordInstalled(machine, applying, untilEpochMs);
    if (untilEpochMs === undefined) await disarmSettleTimer(machine);
    return settled;
  } catch (error) {
    throw await rollBack(machine, prepared.journal, error, async () => {
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

/** Configures managers that appeared since the installation, and writes altered files again. */
async function extend(machine: Machine, journal: Journal): Promise<Journal> {
  const { changes, directories, restore: commands, target, untilEpochMs } = journal;
  const existing = await classifyFiles(machine.fs, journal);
  const { plan, journal: added } = await prepare(machine, target, untilEpochMs, existing);
  if (plan.steps.length === 0) {
    await checkNameservers(machine).catch((error: unknown) => {
      throw new Dns4torError('ERR_SYSTEM_UNRESOLVED', undefined, error);
    });
    // An earlier version may have left no notice.
    await writeJournal(machine.fs, journal);
    return journal;
  }
  const known = new Set([...changes.map(({ path }) => path), ...commands.map((command) => command.join(' '))]);
  const extended: Journal = {
    ...added,
    // `uninstall` still has to restore the versions from before the installation.
    changes: [...changes, ...added.changes.filter(({ path }) => !known.has(path))],
    directories: [...directories, ...added.directories.filter((path) => !directories.includes(path))],
    restore: [...commands, ...added.restore.filter((command) => !known.has(command.join(' ')))],
  };
  const undo: Journal = { ...added, changes: [...backupsOf(plan), ...added.changes] };
  try {
    await apply(machine, { plan, journal: extended });
    await checkNameservers(machine);
    const recorded = await recordInstalled(machine, extended, untilEpochMs);
    for (const { path } of backupsOf(plan)) machine.warn(`the version of another program is kept as ${path}`);
    return recorded;
  } catch (error) {
    throw await rollBack(machine, undo, error, () => writeJournal(machine.fs, journal));
  }
}

function isSameTarget(a: Target, b: Target): boolean {
  return a.address === b.address && a.port === b.port;
}
