import type { UdpIo } from '../config/config.ts';
import { toDns4torError } from '../failures/errors.ts';
import type { Logger } from '../log/logger.ts';
import { type LinuxSockets, loadLinuxSockets } from '../listener/udp/linux-sockets.ts';

/**
 * With what datagrams are taken and sent many at a time, as `--udp-io` has it; undefined for each by itself.
 * @throws Dns4torError ERR_LISTEN_BATCH where they must be, and cannot
 */
export async function openUdpIo(
  udpIo: UdpIo,
  logger: Logger,
  load: () => Promise<LinuxSockets> = loadLinuxSockets,
): Promise<LinuxSockets | undefined> {
  if (udpIo === 'dgram') return undefined;
  try {
    return await load();
  } catch (error) {
    if (udpIo === 'batch') throw error;
    logger.log('info', 'udp_one_by_one', { reason: toDns4torError(error).message });
    return undefined;
  }
}
