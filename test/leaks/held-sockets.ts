import { findProgram } from '../fixtures/process/find-program.ts';
import { handOver, type SocketSpec } from '../fixtures/process/hand-over.ts';
import type { Namespace } from './namespace.ts';

/** Sockets as those of the units, on free ports. */
const SOCKETS: readonly SocketSpec[] = [
  'dns=udp=127.0.0.1',
  'dns=tcp=127.0.0.1',
  'metrics=tcp=127.0.0.1',
  'dot=tcp=127.0.0.1',
  'doh=tcp=127.0.0.1',
];

/**
 * Restarts the command whenever it has ended and its script, `$3`, exists; a package upgrade removes the script for a
 * while. `$1` is setpriv, which ends the command together with this shell.
 */
const SERVE = `
while :; do
  until [ -e "$3" ]; do sleep 0.1; done
  "$1" --pdeathsig KILL -- sh -c 'shift; echo "main process: $$"; LISTEN_PID=$$ exec "$@"' sh "$@"
  echo 'the main process has ended'
done
`;

/**
 * A wrapper that runs a command with sockets that outlive it, as systemd's socket activation does. Those for DoT and
 * DoH need a certificate.
 */
export async function onHeldSockets(): Promise<readonly string[]> {
  return [...(await handOver(SOCKETS)), '/bin/sh', '-c', SERVE, 'sh', await findProgram('setpriv')];
}

/** Ends the serving process that the log names. The next one starts when the script exists. */
export function endMainProcess(log: string): void {
  const pid = Number([...log.matchAll(/^main process: (\d+)$/gm)].at(-1)?.[1]);
  process.kill(pid, 'SIGTERM');
}

/** Whether unread data wait in the UDP socket and a connection in the TCP socket of a port of 127.0.0.1. */
export async function isAwaited(namespace: Namespace, port: number): Promise<boolean> {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  // proc(5): remote address and state follow, then the queues. That of a listening TCP socket has connections.
  const waiting = new RegExp(`^ *\\d+: ${local} [0-9A-F:]+ (?:07|0A) [0-9A-F]+:(?!0{8})`, 'm');
  const tables = await Promise.all(
    ['udp', 'tcp'].map((protocol) => namespace.run('/bin/cat', `/proc/net/${protocol}`)),
  );
  return tables.every((table) => waiting.test(table));
}
