import { formatHostPort } from '../../lib/host-port.ts';
import { isSystemdBooted } from '../managers/detect-managers.ts';
import type { Machine } from '../machine.ts';
import type { Target } from '../target.ts';

const SOCKET = 'dns4tor.socket';
/** Opens its ports itself: to start the other one would stop it (`Conflicts=`). */
const STANDALONE = 'dns4tor-standalone.service';

/** Whether systemd has a unit that is to open this port of dns4tor's, and has not opened it. */
export async function isOwnSocketClosed({ fs, run }: Machine, { address, port }: Target): Promise<boolean> {
  if (!(await isSystemdBooted(fs))) return false;
  // Empty where there is no such unit.
  const { stdout } = await run(['systemctl', 'show', '--property=Listen', SOCKET]);
  if (!stdout.split('\n').includes(`Listen=${formatHostPort(address, port)} (Datagram)`)) return false;
  const is = async (state: 'active' | 'enabled', unit: string): Promise<boolean> =>
    (await run(['systemctl', `is-${state}`, '--quiet', unit])).status === 0;
  if (await is('active', SOCKET)) return false;
  return !(await is('enabled', STANDALONE)) && !(await is('active', STANDALONE));
}
