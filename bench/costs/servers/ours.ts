import { startDaemon } from '../../../test/fixtures/process/daemon.ts';
import type { DohUpstream } from './doh-upstream.ts';
import type { RunningServer } from './peers.ts';

/** Values of `--udp-io`. */
export const UDP_IOS = ['batch', 'dgram'] as const;

export type UdpIo = (typeof UDP_IOS)[number];

export function labelOf(udpIo: UdpIo): string {
  return `dns4tor, ${udpIo}`;
}

/** Starts dns4tor. Resolves when it answers. */
export async function startOurs(upstream: DohUpstream, udpIo: UdpIo): Promise<RunningServer> {
  const daemon = await startDaemon([...upstream.flags, '--circuits', '1', '--udp-io', udpIo]);
  await daemon.answers();
  return { pid: daemon.process.pid, port: daemon.port, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}
