import type { Machine } from '../machine.ts';
import { runOrThrow } from '../command.ts';
import { isSystemdBooted } from '../managers/detect-managers.ts';
import { readState, removeTemporary, writeState } from './file-state.ts';
import { MARK } from './mark.ts';

const UNIT = 'dns4tor-settle';
const SERVICE = `/etc/systemd/system/${UNIT}.service`;
const TIMER = `/etc/systemd/system/${UNIT}.timer`;
/** Where systemd remembers, as the age of a file, when a persistent timer last elapsed. */
const STAMPS = '/var/lib/systemd/timers';
const STAMP = `${STAMPS}/stamp-${UNIT}.timer`;
const FILES = [TIMER, SERVICE, STAMP];

const MS_PER_SECOND = 1000;

/**
 * Has systemd run `dns4tor settle` at a moment, whatever becomes of this process, its terminal and its session. It is a unit in /etc and no
 * transient one, which a restart of the machine would forget: a pause would then never end.
 *
 * One that is armed is given the new moment, and is there all the while.
 *
 * Where systemd does not run there is none, and the process that waits has to see to it.
 *
 * @throws {Dns4torError} ERR_SYSTEM_FILE, ERR_SYSTEM_COMMAND, with the one from before in place, if any
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
    // Without one, systemd takes the moment when it starts the timer for that; on a slow machine the time may be up by then, and the timer
    // would never elapse. There is a folder wherever another persistent timer has been.
    if ((await fs.inspect(STAMPS)) !== undefined) await writeState(fs, STAMP, unit(''));
    await runOrThrow(run, ['systemctl', 'daemon-reload']);
    await runOrThrow(run, ['systemctl', 'enable', `${UNIT}.timer`, `${UNIT}.service`]);
    // One that has elapsed would not start again.
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

/** Harmless where it is not armed, and in the service itself: only the timer is stopped. */
export async function disarmSettleTimer({ fs, run }: Machine): Promise<void> {
  for (const path of FILES) await removeTemporary(fs, path);
  const states = await Promise.all(FILES.map((path) => readState(fs, path)));
  if (states.every(({ kind }) => kind === 'absent')) return;
  // A timer that cannot be stopped finds nothing to do when it elapses.
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
    'Description=End a pause of dns4tor, or take it back as nobody confirmed it',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${command.map(quote).join(' ')}`,
    '# The timer does not elapse a second time for one that failed or was killed, and names would stay in the clear,',
    'Restart=on-failure',
    'RestartSec=30s',
    '',
    '[Install]',
    '# nor for one that a shutdown has cut off. Before its time there is nothing to do.',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

function renderTimer(atEpochMs: number): string {
  return [
    `# ${MARK}`,
    '[Unit]',
    'Description=When a pause of dns4tor ends, or the time to confirm it',
    '',
    '[Timer]',
    // Rounded up: it is not to elapse before its time, when there would be nothing to do yet.
    `OnCalendar=@${Math.ceil(atEpochMs / MS_PER_SECOND)}`,
    'AccuracySec=1s',
    '# Catches up after the machine was off at that moment.',
    'Persistent=true',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ].join('\n');
}

/** As in systemd.service(5), "Command lines" and systemd.unit(5), "Specifiers". */
function quote(word: string): string {
  return `"${word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}
