import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ServerCertificate } from '../../../test/fixtures/certificates.ts';
import { startDaemon } from '../../../test/fixtures/process/daemon.ts';
import { startProcess } from '../../../test/fixtures/process/process.ts';
import type { DohUpstream } from '../servers/doh-upstream.ts';
import { type RunningServer, startPeer, UNBOUND_PROCESS, unboundForwarding } from '../servers/peers.ts';

const FLOOR_SCRIPT = fileURLToPath(new URL('floor-process.ts', import.meta.url));
const START_TIMEOUT_MS = 10_000;

/** Maximum connections of dns4tor and unbound. When half of them are used, unbound begins to close idle ones. */
const MAX_CONNECTIONS = 2000;
/** Minimum capacity of dnsdist's cache. Those of the others are larger. */
const CACHED_ANSWERS = 10_000;

/** How queries are encrypted. */
export type Protocol = 'HTTP/2' | 'HTTP/1.1' | 'DoT';

/** Node's own part in an answer, measured without anything else. */
export type Floor = 'node:http2 alone' | 'node:https alone' | 'node:tls alone';

export const FLOOR_OF: Readonly<Record<Protocol, Floor>> = {
  'HTTP/2': 'node:http2 alone',
  'HTTP/1.1': 'node:https alone',
  DoT: 'node:tls alone',
};

export const OURS = 'dns4tor';

/** Path of DoH on every server. */
export const DOH_PATH = '/dns-query';

/** An answer as a floor gives it: of the size of dns4tor's, and with the same headers. */
export interface FloorAnswer {
  /** Without `date`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether Node adds `date`. */
  readonly hasDate: boolean;
  readonly bodyBytes: number;
}

/** Starts dns4tor with one encrypted listener. Resolves when it answers. */
export async function startOurs(
  protocol: Protocol,
  { certificatePath, keyPath }: ServerCertificate,
  upstream: DohUpstream,
): Promise<RunningServer> {
  const listener =
    protocol === 'DoT'
      ? ['--dot-address', '127.0.0.1', '--dot-port', '0']
      : ['--doh-address', '127.0.0.1', '--doh-port', '0', '--doh-path', DOH_PATH];
  const daemon = await startDaemon([
    ...upstream.flags,
    ...listener,
    `--tls-cert=${certificatePath}`,
    `--tls-key=${keyPath}`,
    `--tcp-connections=${MAX_CONNECTIONS}`,
    '--circuits=1',
  ]);
  await daemon.answers();
  const [, port] = /\b(?:https|tls):\/\/127\.0\.0\.1:(\d+)/.exec(daemon.process.output) ?? [];
  return { pid: daemon.process.pid, port: Number(port), [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}

/** Starts a server that answers every request alike. */
export async function startFloor(
  floor: Floor,
  { certificatePath, keyPath }: ServerCertificate,
  answer: FloorAnswer,
): Promise<RunningServer> {
  const args = [FLOOR_SCRIPT, floor, certificatePath, keyPath, JSON.stringify(answer)];
  const running = await startProcess(process.execPath, args);
  const port = (): string | undefined => /port (\d+)\n/.exec(running.output)?.[1];
  await running.waitUntil('it serves', START_TIMEOUT_MS, () => port() !== undefined);
  return { pid: running.pid, port: Number(port()), [Symbol.asyncDispose]: () => running.stop() };
}

/** A caching forwarder to compare with, which serves one protocol. */
export interface EncryptedPeer {
  readonly label: string;
  readonly protocols: readonly Protocol[];
  /** @param authorityPort of an authoritative server, over UDP and TCP */
  start(protocol: Protocol, certificate: ServerCertificate, authorityPort: number): Promise<RunningServer>;
}

/** One thread each for the protocol, no log of queries, and answers from the cache. */
export const ENCRYPTED_PEERS: readonly EncryptedPeer[] = [
  {
    label: 'dnsdist',
    protocols: ['HTTP/2', 'HTTP/1.1', 'DoT'],
    start: (protocol, { certificatePath, keyPath }, authorityPort) =>
      startPeer('dnsdist', {
        // The listener for plain DNS, which it insists on, is on another address than the one that is measured.
        config: (port) => `setSecurityPollSuffix('')
setLocal('127.0.0.2:${port}', { reusePort = false })
${
  protocol === 'DoT'
    ? `setMaxTCPClientThreads(1)
addTLSLocal('127.0.0.1:${port}', '${certificatePath}', '${keyPath}', { provider = 'openssl' })`
    : `addDOHLocal('127.0.0.1:${port}', '${certificatePath}', '${keyPath}', '${DOH_PATH}')`
}
newServer({ address = '127.0.0.1:${authorityPort}' })
getPool(''):setCache(newPacketCache(${CACHED_ANSWERS}))
`,
        args: (configPath) => ['--supervised', '--disable-syslog', '--config', configPath],
        started: "as 'up'",
      }),
  },
  {
    label: 'unbound',
    protocols: ['HTTP/2', 'DoT'],
    start: (protocol, { certificatePath, keyPath }, authorityPort) =>
      startPeer('unbound', {
        config: (port) => `server:
  interface: 127.0.0.1@${port}
${UNBOUND_PROCESS}
  incoming-num-tcp: ${MAX_CONNECTIONS}
  tls-service-pem: "${certificatePath}"
  tls-service-key: "${keyPath}"
  ${protocol === 'DoT' ? `tls-port: ${port}` : `https-port: ${port}\n  http-endpoint: "${DOH_PATH}"`}
  module-config: "iterator"
${unboundForwarding(authorityPort)}`,
        args: (configPath) => ['-d', '-c', configPath],
        started: 'start of service',
      }),
  },
];
