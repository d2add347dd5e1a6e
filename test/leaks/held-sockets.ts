import { findProgram } from '../fixtures/find-program.ts';
import { handOver, type SocketSpec } from '../fixtures/hand-over.ts';
import type { Namespace } from './namespace.ts';

/** As dns4tor.socket and dns4tor-metrics.socket have them, on free ports. */
const SOCKETS: readonly SocketSpec[] = ['dns=udp=127.0.0.1', 'dns=tcp=127.0.0.1', 'metrics=tcp=127.0.0.1'];

/**
 * Runs the command whenever there is none, as soon as its script, `$3`, is there; a package that is being upgraded takes that away for a while.
 * `$1` is setpriv, with which the command ends when this does, however that happens.
 */
const SERVE = `
while :; do
  until [ -e "$3" ]; do sleep 0.1; done
  "$1" --pdeathsig KILL -- sh -c 'shift; echo "main process: $$"; LISTEN_PID=$$ exec "$@"' sh "$@"
  echo 'the main process has ended'
done
`;

/** What is put in front of a command to have it run as systemd runs a service on sockets: they outlive it, and the next process gets them. */
export async function onHeldSockets(): Promise<readonly string[]> {
  return [...(await handOver(SOCKETS)), '/bin/sh', '-c', SERVE, 'sh', await findProgram('setpriv')];
}

/** Ends the process that serves as of now, by the log of the command. The next one comes when its script is there. */
export function endMainProcess(log: string): void {
  const pid = Number([...log.matchAll(/^main process: (\d+)$/gm)].at(-1)?.[1]);
  process.kill(pid, 'SIGTERM');
}

/** Whether something that nobody has taken yet waits in the socket of each protocol that is bound to a port of 127.0.0.1. */
export async function isAwaited(namespace: Namespace, port: number): Promise<boolean> {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  // proc(5): remote address and state follow, then the queues; that of a listening TCP socket holds connections.
  const waiting = new RegExp(`^ *\\d+: ${local} [0-9A-F:]+ (?:07|0A) [0-9A-F]+:(?!0{8})`, 'm');
  const tables = await Promise.all(
    ['udp', 'tcp'].map((protocol) => namespace.run('/bin/cat', `/proc/net/${protocol}`)),
  );
  return tables.every((table) => waiting.test(table));
}
