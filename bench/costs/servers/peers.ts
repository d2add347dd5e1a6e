import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { findProgram, type ProgramName } from '../../../test/fixtures/process/find-program.ts';
import { startProcess } from '../../../test/fixtures/process/process.ts';
import { reservePort } from '../../../test/fixtures/process/reserve-port.ts';
import { createTemporaryDirectory } from '../../../test/fixtures/temporary-directory.ts';

const START_TIMEOUT_MS = 10_000;

/** A server that answers over UDP on 127.0.0.1. */
export interface RunningServer extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
}

/** A caching forwarder to compare with, and how to start it in front of an authoritative server. */
export interface Peer {
  readonly label: string;
  start(authorityPort: number): Promise<RunningServer>;
}

/** Minimum capacity of each cache in answers. unbound counts bytes instead, and 16 MiB are enough. */
const CACHED_ANSWERS = 10_000;
const CACHED_MIB = 16;

/** Directives for an unbound that runs as the current user, writes to stderr and has one thread. */
export const UNBOUND_PROCESS = `  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1`;

/** The end of an unbound configuration that forwards everything to an authority on this machine. */
export function unboundForwarding(authorityPort: number): string {
  return `  do-not-query-localhost: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${authorityPort}
remote-control:
  control-enable: no
`;
}

export const PEERS: readonly Peer[] = [
  {
    label: 'unbound',
    start: (authorityPort) =>
      startPeer('unbound', {
        config: (port) => `server:
  interface: 127.0.0.1@${port}
${UNBOUND_PROCESS}
  module-config: "iterator"
  msg-cache-size: ${CACHED_MIB}m
  rrset-cache-size: ${CACHED_MIB}m
${unboundForwarding(authorityPort)}`,
        args: (configPath) => ['-d', '-c', configPath],
        started: 'start of service',
      }),
  },
  {
    label: 'dnsmasq',
    start: (authorityPort) =>
      startPeer('dnsmasq', {
        config: (port) => `port=${port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
server=127.0.0.1#${authorityPort}
cache-size=${CACHED_ANSWERS}
user=${userInfo().username}
pid-file
`,
        args: (configPath) => ['--keep-in-foreground', '--log-facility=-', `--conf-file=${configPath}`],
        started: 'started, version',
      }),
  },
  {
    label: 'dnsdist',
    start: (authorityPort) =>
      startPeer('dnsdist', {
        // One socket, and so one answering thread. An empty suffix turns off the check for security updates.
        config: (port) => `setSecurityPollSuffix('')
setLocal('127.0.0.1:${port}', { reusePort = false })
setMaxUDPOutstanding(65535)
newServer({ address = '127.0.0.1:${authorityPort}' })
getPool(''):setCache(newPacketCache(${CACHED_ANSWERS}))
`,
        args: (configPath) => ['--supervised', '--disable-syslog', '--config', configPath],
        started: "as 'up'",
      }),
  },
];

export interface PeerInit {
  readonly config: (port: number) => string;
  readonly args: (configPath: string) => readonly string[];
  /** Text in its output once it serves. */
  readonly started: string;
}

/** Starts a server with this configuration. Resolves once it accepts queries. */
export async function startPeer(name: ProgramName, { config, args, started }: PeerInit): Promise<RunningServer> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await createTemporaryDirectory());
  const configPath = join(directory.path, `${name}.conf`);
  const reservation = resources.use(await reservePort());
  await writeFile(configPath, config(reservation.port));
  await reservation.release();
  const running = resources.use(await startProcess(await findProgram(name), args(configPath)));
  await running.waitUntil('it serves', START_TIMEOUT_MS, () => running.output.includes(started));
  const owned = resources.move();
  return { pid: running.pid, port: reservation.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Not a resolver: the cost of receiving and sending datagrams with Node's `dgram`. */
export async function startEcho(): Promise<RunningServer> {
  const running = await startProcess(process.execPath, [fileURLToPath(new URL('echo.ts', import.meta.url))]);
  const port = (): string | undefined => /port (\d+)\n/.exec(running.output)?.[1];
  await running.waitUntil('it serves', START_TIMEOUT_MS, () => port() !== undefined);
  return { pid: running.pid, port: Number(port()), [Symbol.asyncDispose]: () => running.stop() };
}
