import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { resolve as toAbsolute } from 'node:path';
import { createInterface } from 'node:readline';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { childEnvironment } from '../../lib/child-environment.ts';
import { type Clock, delay } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import type { Random } from '../../lib/random.ts';
import { TOR_SEVERITIES, type TorStatus } from '../../model/tor-status.ts';
import type { TorSurroundings } from '../control/bootstrap-evidence.ts';
import type { ControlConnection } from '../control/control-connection.ts';
import type { OnionAuth } from '../control/onion-auth.ts';
import { openTorMonitor, type TorMonitor } from '../control/tor-monitor.ts';
import type { TorEvents, TorLogLine } from '../tor-events.ts';
import { createScrubber } from './scrub.ts';
import { refuseUntrusted, renderTorrc, type TorPaths, type TorrcContents } from './torrc.ts';

/** The program and arguments of a Tor process, and who hears of its output and end. */
export interface TorProcessOptions extends TorrcContents {
  /** Path of the tor program, or a name to find in PATH. */
  readonly binary: string;
  readonly paths: TorPaths;
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
  readonly surroundings: TorSurroundings;
}

/** A running Tor process. It exits with dns4tor's process, even if that is killed. */
export interface TorProcess extends SpawnedTor {
  readonly status: TorStatus;
  /** See {@link TorMonitor.observe}. */
  observe(outcome: 'ok' | ErrorCode): void;
}

interface SpawnedTor {
  /** Resolves with the known reason once the process has exited. */
  readonly ended: Promise<Dns4torError>;
  /** Terminates the process, with SIGKILL after 5 s. */
  stop(): Promise<void>;
}

/** Tor usually listens within half a second. A machine that has just booted may take much longer. */
const LISTEN_TIMEOUT_MS = 30_000;
const LISTEN_POLL_MS = 50;
const STOP_TIMEOUT_MS = 5_000;
/** How long the Tor of a killed dns4tor may take to notice the closed control connection, and exit. */
const ORPHAN_TIMEOUT_MS = 3_000;
/** How many of Tor's last warnings an error quotes. */
const QUOTED_LINES = 3;

/**
 * Starts Tor. Resolves once Tor is under control and has the keys for onion services, before it has bootstrapped.
 *
 * @param signal aborts the start, with ERR_SHUTDOWN
 * @throws Dns4torError ERR_TOR_BINARY_MISSING; ERR_TOR_IN_USE; ERR_TOR_MANAGED with Tor's own messages;
 *   ERR_UNTRUSTED_PATH
 */
export async function startTorProcess(options: TorProcessOptions, signal: AbortSignal): Promise<TorProcess> {
  const { paths, clock } = options;
  // Before connecting to the control socket: in another user's directory, that socket may be the other user's.
  refuseUntrusted(paths.directory);
  await refuseSecondInstance(paths, clock);
  await prepareDirectory(options);
  const tor = spawnTor(options);
  const polling = new AbortController();
  try {
    const monitor = await Promise.race([
      takeControl(options, AbortSignal.any([signal, polling.signal])),
      rejectWithEndOf(tor),
    ]);
    return {
      ...tor,
      get status() {
        return monitor.status;
      },
      observe: (outcome) => monitor.observe(outcome),
    };
  } catch (error) {
    polling.abort();
    await tor.stop();
    throw error;
  }
}

async function rejectWithEndOf(tor: SpawnedTor): Promise<never> {
  throw await tor.ended;
}

/**
 * Refuses to start while another Tor runs in the same directory. Tor locks its data directory, but only after replacing
 * the sockets of the Tor that holds the lock, which would cut that one off.
 *
 * @throws Dns4torError ERR_TOR_IN_USE, whose remedy names the SOCKS socket of the other Tor
 */
async function refuseSecondInstance(paths: TorPaths, clock: Clock): Promise<void> {
  const deadline = Deadline.after(clock, ORPHAN_TIMEOUT_MS);
  while (await accepts(paths.control)) {
    if (deadline.expired) {
      const remedy = `use its Tor with --tor-socks unix:${toAbsolute(paths.socks)}, or set STATE_DIRECTORY to another directory`;
      throw new Dns4torError('ERR_TOR_IN_USE', paths.directory, undefined, remedy);
    }
    await delay(clock, LISTEN_POLL_MS);
  }
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function prepareDirectory(options: TorProcessOptions): Promise<void> {
  const { paths } = options;
  try {
    await mkdir(paths.directory, { recursive: true, mode: 0o700 });
    // In a sticky parent directory, another user may have created this one first.
    refuseUntrusted(paths.directory);
    // The mode of an existing file would stay.
    await rm(paths.torrc, { force: true });
    await writeFile(paths.torrc, renderTorrc(paths, process.pid, options), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (error instanceof Dns4torError) throw error;
    throw new Dns4torError('ERR_TOR_MANAGED', `cannot write to ${paths.directory}`, error);
  }
}

/** Connects to the control socket as soon as Tor listens, and takes ownership of Tor. */
async function takeControl(options: TorProcessOptions, signal: AbortSignal): Promise<TorMonitor> {
  const { paths, clock } = options;
  const deadline = Deadline.after(clock, LISTEN_TIMEOUT_MS);
  while (!signal.aborted) {
    try {
      const address = { kind: 'unix', path: paths.control } as const;
      return await openTorMonitor({ ...options, address, signal, prepare: takeOwnership });
    } catch (error) {
      // Tor does not listen yet, or is exiting; in the second case its own messages explain more than this error.
      if (deadline.expired) throw new Dns4torError('ERR_TOR_MANAGED', 'no connection to its control socket', error);
    }
    await delay(clock, LISTEN_POLL_MS, signal);
  }
  throw new Dns4torError('ERR_SHUTDOWN', undefined, signal.reason);
}

async function takeOwnership(control: ControlConnection): Promise<void> {
  // From here on Tor exits when this connection closes, and so when this process ends. As control-spec advises, Tor
  // then stops watching the process ID, which another process could get.
  await control.command('TAKEOWNERSHIP');
  await control.command('RESETCONF __OwningControllerProcess');
}

function spawnTor({ binary, paths, bridges, clock, events }: TorProcessOptions): SpawnedTor {
  const scrub = createScrubber(bridges);
  // --defaults-torrc keeps Tor from reading the distribution's defaults. Detached into its own process group, Tor
  // survives a Ctrl-C until dns4tor has answered the last queries. The child must not talk to systemd on the service's
  // behalf, and other programs that it starts must not learn the bridges.
  const child = spawn(binary, ['--defaults-torrc', '/dev/null', '-f', paths.torrc], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...childEnvironment(process.env), NOTIFY_SOCKET: undefined },
  });
  const warnings: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (text) => {
      const { severity, message } = parseTorLogLine(text);
      const line = { severity, message: scrub(message) };
      if (line.severity === 'warn' || line.severity === 'err') warnings.push(line.message);
      warnings.splice(0, warnings.length - QUOTED_LINES);
      events.onLog(line);
    });
  }
  const ended = waitForEnd(child, binary, warnings);
  return {
    ended,
    async stop() {
      // On SIGTERM Tor exits at once; on SIGINT a relay would take its time.
      child.kill('SIGTERM');
      const timer = clock.schedule(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'));
      await ended;
      timer.cancel();
    },
  };
}

function waitForEnd(child: ChildProcess, binary: string, warnings: readonly string[]): Promise<Dns4torError> {
  return new Promise((resolve) => {
    child.once('close', (status, signal) => {
      const how = signal === null ? `${binary} exited with status ${status}` : `${binary} was killed by ${signal}`;
      resolve(new Dns4torError('ERR_TOR_MANAGED', [how, ...warnings].join('; ')));
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      resolve(
        error.code === 'ENOENT'
          ? new Dns4torError('ERR_TOR_BINARY_MISSING', binary, error)
          : new Dns4torError('ERR_TOR_MANAGED', `cannot start ${binary} (${error.code})`, error),
      );
    });
  });
}

/** Parses a line of Tor's standard output: `Jan 02 03:04:05.678 [notice] Bootstrapped 0% (starting): Starting`. */
export function parseTorLogLine(line: string): TorLogLine {
  const [, severity, message] = /^\w{3} \d{2} [\d:.]+ \[(\w+)\] (.*)$/.exec(line) ?? [];
  const known = TOR_SEVERITIES.find((name) => name === severity);
  // Any other line was written before Tor's logging started: the dynamic loader's errors, for example.
  return known === undefined || message === undefined
    ? { severity: 'warn', message: line }
    : { severity: known, message };
}
