import { MS_PER_SECOND } from '../../lib/units.ts';
import { runOrThrow } from '../command.ts';
import type { Machine } from '../machine.ts';
import { isSystemdBooted } from '../managers/detect-managers.ts';
import { readState, removeTemporary, writeState } from './file-state.ts';
import { MARK } from './mark.ts';

const UNIT = 'dns4tor-settle';
const SERVICE = `/etc/systemd/system/${UNIT}.service`;
const TIMER = `/etc/systemd/system/${UNIT}.timer`;
/** systemd's record of when persistent timers last elapsed: the modification time of one file per timer. */
const STAMPS = '/var/lib/systemd/timers';
const STAMP = `${STAMPS}/stamp-${UNIT}.timer`;
const FILES = [TIMER, SERVICE, STAMP];

/**
 * Makes systemd run `dns4tor settle` at the given time, even if this process, its terminal or its session ends. The
 * units are in /etc: transient units do not survive a reboot, and a pause would then never end. A timer that is armed
 * already stays armed while its time is changed.
 *
 * Does nothing if systemd does not run. The process that waits then has to settle itself.
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE, ERR_SYSTEM_COMMAND, with the previous timer in place, if there was one
 */
export async function armSettleTimer(machine: Machine, atEpochMs: number): Promise<void> {
  const { fs, run, self } = machine;
  if (!(await isSystemdBooted(fs))) return;
  const before = await Promise.all(FILES.map(async (path) => ({ path, state: await readState(fs, path) })));
  const { uid = 0, gid = 0 } = (await fs.inspect('/etc')) ?? {};
  const unit = (text: string) => ({ kind: 'file', bytes: Buffer.from(text), mode: 0o644, uid, gid }) as const;
  try {
    await writeState(fs, SERVICE, unit(renderService([...self, 'settle'])));
    await writeState(fs, TIMER, unit(renderTimer(atEpochMs)));
    // Without a stamp, systemd assumes that the timer last elapsed when it was started. On a slow machine that may be
    // after the given time, and the timer would never elapse. The directory exists if any persistent timer ever ran.
    if ((await fs.inspect(STAMPS)) !== undefined) await writeState(fs, STAMP, unit(''));
    await runOrThrow(run, ['systemctl', 'daemon-reload']);
    await runOrThrow(run, ['systemctl', 'enable', `${UNIT}.timer`, `${UNIT}.service`]);
    // `start` would not restart a timer that has elapsed.
    await runOrThrow(run, ['systemctl', 'restart', `${UNIT}.timer`]);
  } catch (error) {
    if (before.some(({ state }) => state.kind !== 'absent')) {
      for (const { path, state } of before) if (state.kind !== 'absent') await writeState(fs, path, state);
      await run(['systemctl', 'daemon-reload']);
    } else {
      await disarmSettleTimer(machine);
    }
    throw error;
  }
}

/** Removes the timer, if it is armed. Safe in the settle service itself, since only the timer is stopped. */
export async function disarmSettleTimer({ fs, run }: Machine): Promise<void> {
  for (const path of FILES) await removeTemporary(fs, path);
  const states = await Promise.all(FILES.map((path) => readState(fs, path)));
  if (states.every(({ kind }) => kind === 'absent')) return;
  // If the timer cannot be stopped, `settle` finds nothing to do when it elapses.
  await run(['systemctl', 'disable', '--now', `${UNIT}.timer`]);
  await run(['systemctl', 'disable', `${UNIT}.service`]);
  for (const path of FILES) {
    if ((await fs.inspect(path)) !== undefined) await writeState(fs, path, { kind: 'absent' });
  }
  await run(['systemctl', 'daemon-reload']);
}

function renderService(command: readonly string[]): string {
  return [
    `# ${MARK}`,
    '[Unit]',
    'Description=End a pause of dns4tor, or roll back an unconfirmed installation',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${command.map(quote).join(' ')}`,
    '# The timer elapses only once. Without a restart after a failure, names would stay in the clear.',
    'Restart=on-failure',
    'RestartSec=30s',
    '',
    '[Install]',
    '# Also runs at boot, in case a shutdown interrupted it. Before the deadline, it does nothing.',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

function renderTimer(atEpochMs: number): string {
  return [
    `# ${MARK}`,
    '[Unit]',
    'Description=Deadline of a pause of dns4tor, or of an unconfirmed installation',
    '',
    '[Timer]',
    // Rounded up: before the deadline, `settle` does nothing.
    `OnCalendar=@${Math.ceil(atEpochMs / MS_PER_SECOND)}`,
    'AccuracySec=1s',
    '# Runs at boot if the machine was off at the deadline.',
    'Persistent=true',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ].join('\n');
}

/** Quotes a word for ExecStart (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers"). */
function quote(word: string): string {
  return `"${word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}
