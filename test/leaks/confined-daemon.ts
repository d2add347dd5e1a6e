import { DIG_FLAGS, type DigReply, readDigReply } from '../fixtures/dns/dig.ts';
import type { NetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { cleanEnvironment, type Daemon, type DaemonOptions, dns4tor, startDaemon } from '../fixtures/process/daemon.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { encryptedPorts } from '../protocol/encrypted/encrypted-lab.ts';
import { fetchIn } from './fetch-in.ts';

/** A running `dns4tor proxy-dns` in a network namespace. */
export interface ConfinedDaemon extends Daemon {
  /** The only directory that it knows: working, home, state and temporary directory in one. */
  readonly directory: string;
  /** Everything written to stdout and stderr. */
  readonly log: string;
  /** Runs dig in the namespace. */
  ask(name: string, ...args: readonly string[]): Promise<DigReply>;
  /** Runs kdig in the namespace, which asks the listener for DoT or DoH. */
  askEncrypted(over: EncryptedTransport, name: string, ...args: readonly string[]): Promise<DigReply>;
  /** Runs another command of dns4tor in the namespace, with the same directory. */
  run(...args: readonly string[]): Promise<CommandResult>;
}

/** DoT, and DoH with POST or GET. */
export type EncryptedTransport = 'dot' | 'doh' | 'doh-get';
export const ENCRYPTED_TRANSPORTS: readonly EncryptedTransport[] = ['dot', 'doh', 'doh-get'];
const KDIG_FLAGS = { dot: ['+tls'], doh: ['+https'], 'doh-get': ['+https', '+https-get'] } as const;

export interface CommandResult {
  readonly status: number | NodeJS.Signals;
  /** Everything written to stdout and stderr. */
  readonly output: string;
}

export interface ConfinedDaemonOptions extends Pick<DaemonOptions, 'command'> {
  /** A wrapper: a program and its arguments, which the command follows. @default none */
  readonly via?: readonly string[];
}

/** {@link startDaemon} in a namespace, with debug logging. */
export async function startConfinedDaemon(
  namespace: NetworkNamespace,
  args: readonly string[],
  { command, via = [] }: ConfinedDaemonOptions = {},
): Promise<ConfinedDaemon> {
  await using resources = new AsyncDisposableStack();
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const surroundings = {
    cwd: directory,
    env: {
      ...cleanEnvironment(),
      HOME: directory,
      STATE_DIRECTORY: directory,
      XDG_STATE_HOME: directory,
      XDG_CACHE_HOME: directory,
      TMPDIR: directory,
    },
  };
  const lines: string[] = [];
  const daemon = resources.use(
    await startDaemon(['--loglevel', 'debug', ...args], {
      ...(command === undefined ? {} : { command }),
      via: [...namespace.via, ...via],
      ...surroundings,
      onLine: (line) => lines.push(line),
    }),
  );
  const [dig, kdig] = await Promise.all([findProgram('dig'), findProgram('kdig')]);
  const [program = '', ...programArgs] = [...namespace.via, ...dns4tor()];
  const owned = resources.move();
  return {
    ...daemon,
    directory,
    get log() {
      return lines.join('\n');
    },
    page: (path) => fetchIn(namespace, `http://${daemon.metricsAddress}${path}`),
    ask: async (name, ...further) => {
      const server = ['@127.0.0.1', '-p', String(daemon.port), '+time=15'];
      return readDigReply(await namespace.run(dig, ...DIG_FLAGS, ...server, name, ...further));
    },
    askEncrypted: async (over, name, ...further) => {
      const port = String(encryptedPorts(lines.join('\n'))[over === 'dot' ? 'dot' : 'doh']);
      const server = ['@127.0.0.1', '-p', port, '+retry=0', '+timeout=15', '+noidn', ...KDIG_FLAGS[over]];
      return readDigReply(await namespace.run(kdig, ...server, name, ...further));
    },
    async run(...further) {
      const running = await startProcess(program, [...programArgs, ...further], surroundings);
      return { status: await running.ended, output: running.output };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
