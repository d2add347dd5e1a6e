import { isOptionKey } from '../../../src/config/options.ts';
import { startDaemon } from '../../fixtures/daemon.ts';
import type { DohUpstream } from './doh-upstream.ts';
import type { RunningServer } from './peers.ts';

/** How dns4tor takes and sends datagrams, as `--udp-io` has it. */
export type UdpIo = 'batch' | 'dgram';

const SELECTABLE = isOptionKey('udp-io');

/** Those that this dns4tor has. */
export const UDP_IOS: readonly UdpIo[] = SELECTABLE ? ['batch', 'dgram'] : ['dgram'];

export function labelOf(udpIo: UdpIo): string {
  return `dns4tor, ${udpIo}`;
}

/** Resolves when answers come. */
export async function startOurs(upstream: DohUpstream, udpIo: UdpIo): Promise<RunningServer> {
  const select = SELECTABLE ? ['--udp-io', udpIo] : [];
  const daemon = await startDaemon([...upstream.flags, '--circuits', '1', ...select]);
  await daemon.answers();
  return { pid: daemon.process.pid, port: daemon.port, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}
