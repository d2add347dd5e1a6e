import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { type Clock, delay } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import type { Random } from '../../lib/random.ts';
import type { TorStatus } from '../../model/tor-status.ts';
import type { ControlConnection } from '../control/control-connection.ts';
import type { OnionAuth } from '../control/onion-auth.ts';
import type { TorEvents } from '../tor-events.ts';
import { parseTorLogLine } from './tor-log.ts';
import { openTorMonitor, type TorMonitor } from '../control/tor-monitor.ts';
import { refuseUntrusted, renderTorrc, type TorPaths } from './torrc.ts';

export interface TorProcessOptions {
  /** A path, or a name to be found in PATH. */
  readonly binary: string;
  readonly paths: TorPaths;
  /** Lines to add to the torrc, checked already. */
  readonly torOptions: readonly string[];
  readonly onionAuths: readonly OnionAuth[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: TorEvents;
}

/** One tor, from its start to its end, that dies with this process. */
export interface TorProcess extends SpawnedTor {
  readonly status: TorStatus;
  /** As {@link TorMonitor.observe}. */
  observe(outcome: 'ok' | ErrorCode): void;
}

interface SpawnedTor {
  /** Resolves with what is known of the reason once it has ended. */
  readonly ended: Promise<Dns4torError>;
  /** Ends it; kills it where it does not end by itself within 5 s. */
  stop(): Promise<void>;
}

// Tor listens within half a second; a machine that has just been booted may be much slower.
const LISTEN_TIMEOUT_MS = 30_000;
const LISTEN_POLL_MS = 50;
const STOP_TIMEOUT_MS = 5_000;
// A tor whose owner was killed ends as soon as it notices that the control connection is closed.
const ORPHAN_TIMEOUT_MS = 3_000;
const QUOTED_LINES = 3;

/**
 * Starts tor. Resolves once tor is under control and has the keys for onion services, before it has bootstrapped.
 *
 * @param signal gives up, with ERR_SHUTDOWN
 * @throws Dns4torError ERR_TOR_BINARY_MISSING; ERR_TOR_MANAGED with tor's own words; ERR_UNTRUSTED_PATH
 */
export async function startTorProcess(options: TorProcessOptions, signal: AbortSignal): Promise<TorProcess> {
  const { paths, clock } = options;
  // Before the look for another instance: in another user's directory, even the control socket may be that user's.
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
 * Tor has a lock on its data directory, but looks at it only after it has put its own sockets in the place of those of
 * the tor that holds it, which then is cut off. So this is asked before.
 */
async function refuseSecondInstance(paths: TorPaths, clock: Clock): Promise<void> {
  const deadline = Deadline.after(clock, ORPHAN_TIMEOUT_MS);
  while (await accepts(paths.control)) {
    if (deadline.expired)
      throw new Dns4torError('ERR_TOR_MANAGED', `another dns4tor runs its tor in ${paths.directory}`);
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

async function prepareDirectory({ paths, torOptions }: TorProcessOptions): Promise<void> {
  try {
    await mkdir(paths.directory, { recursive: true, mode: 0o700 });
    // In a sticky directory, another user may have created it first.
    refuseUntrusted(paths.directory);
    await writeFile(paths.torrc, renderTorrc(paths, process.pid, torOptions), { mode: 0o600 });
  } catch (error) {
    if (error instanceof Dns4torError) throw error;
    throw new Dns4torError('ERR_TOR_MANAGED', `${paths.directory} cannot be written to`, error);
  }
}

/** Connects as soon as tor listens, and makes this process its owner. */
async function takeControl(options: TorProcessOptions, signal: AbortSignal): Promise<TorMonitor> {
  const { paths, clock } = options;
  const deadline = Deadline.after(clock, LISTEN_TIMEOUT_MS);
  while (!signal.aborted) {
    try {
      const address = { kind: 'unix', path: paths.control } as const;
      return await openTorMonitor({ ...options, address, signal, prepare: takeOwnership });
    } catch (error) {
      // Not listening yet, or already ending, which tor's own words will tell better.
      if (deadline.expired) throw new Dns4torError('ERR_TOR_MANAGED', 'tor gave no control', error);
    }
    await delay(clock, LISTEN_POLL_MS, signal);
  }
  throw new Dns4torError('ERR_SHUTDOWN', undefined, signal.reason);
}

async function takeOwnership(control: ControlConnection): Promise<void> {
  // From here on tor ends when this connection does, that is with this process, whatever ends it. The control-spec
  // advises to drop the watch on the process id then, which another process may have by and by.
  await control.command('TAKEOWNERSHIP');
  await control.command('RESETCONF __OwningControllerProcess');
}

function spawnTor({ binary, paths, clock, events }: TorProcessOptions): SpawnedTor {
  // Without --defaults-torrc the distribution's defaults would be read. In a process group of its own, or a Ctrl-C meant
  // for dns4tor ends tor before the last queries are answered. systemd's socket is for the service, not for its child.
  const child = spawn(binary, ['--defaults-torrc', '/dev/null', '-f', paths.torrc], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, NOTIFY_SOCKET: undefined },
  });
  const complaints: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (text) => {
      const line = parseTorLogLine(text);
      if (line.severity === 'warn' || line.severity === 'err') complaints.push(line.message);
      complaints.splice(0, complaints.length - QUOTED_LINES);
      events.onLog(line);
    });
  }
  const ended = waitForEnd(child, binary, complaints);
  return {
    ended,
    async stop() {
      // Tor ends at once on SIGTERM; SIGINT would be a relay's way of ending slowly.
      child.kill('SIGTERM');
      const timer = clock.schedule(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'));
      await ended;
      timer.cancel();
    },
  };
}

function waitForEnd(child: ChildProcess, binary: string, complaints: readonly string[]): Promise<Dns4torError> {
  return new Promise((resolve) => {
    child.once('close', (status, signal) => {
      const how = signal === null ? `${binary} ended with status ${status}` : `${binary} was ended by ${signal}`;
      resolve(new Dns4torError('ERR_TOR_MANAGED', [how, ...complaints].join('; ')));
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      resolve(
        error.code === 'ENOENT'
          ? new Dns4torError('ERR_TOR_BINARY_MISSING', binary, error)
          : new Dns4torError('ERR_TOR_MANAGED', `${binary} cannot be started (${error.code})`, error),
      );
    });
  });
}
