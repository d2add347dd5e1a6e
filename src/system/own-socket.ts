import { isSystemdBooted } from './detect.ts';
import type { Machine } from './machine.ts';

const SOCKET = 'dns4tor.socket';

/** Whether systemd has the unit that opens dns4tor's port, and has not opened it. */
export async function isOwnSocketClosed({ fs, run }: Machine): Promise<boolean> {
  if (!(await isSystemdBooted(fs))) return false;
  const { stdout } = await run(['systemctl', 'list-unit-files', '--no-legend', SOCKET]);
  return stdout.trim() !== '' && (await run(['systemctl', 'is-active', '--quiet', SOCKET])).status !== 0;
}
