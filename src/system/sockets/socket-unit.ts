import { formatHostPort } from '../../lib/host-port.ts';
import type { Machine, Target } from '../machine.ts';
import { isSystemdBooted } from '../managers/detect-managers.ts';

const SOCKET = 'dns4tor.socket';
/** Opens its ports itself. Starting the socket unit would stop this service (`Conflicts=`). */
const STANDALONE = 'dns4tor-standalone.service';

/** Whether the socket unit for this address and port is installed but not started, and is the one in use. */
export async function isSocketUnitStopped({ fs, run }: Machine, { address, port }: Target): Promise<boolean> {
  if (!(await isSystemdBooted(fs))) return false;
  // The output is empty if the unit does not exist.
  const { stdout } = await run(['systemctl', 'show', '--property=Listen', SOCKET]);
  if (!stdout.split('\n').includes(`Listen=${formatHostPort(address, port)} (Datagram)`)) return false;
  const is = async (state: 'active' | 'enabled', unit: string): Promise<boolean> =>
    (await run(['systemctl', `is-${state}`, '--quiet', unit])).status === 0;
  if (await is('active', SOCKET)) return false;
  return !(await is('enabled', STANDALONE)) && !(await is('active', STANDALONE));
}
