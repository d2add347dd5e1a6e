import type { Clock } from '../lib/clock.ts';
import type { Command, Runner } from './command.ts';
import type { FileSystem } from './transaction/file-system.ts';

/** Everything through which this folder reads or changes the machine. Tests replace it. */
export interface Machine {
  readonly fs: FileSystem;
  readonly run: Runner;
  readonly clock: Clock;
  /** Process id of this process. */
  readonly pid: number;
  /** Whether a process with this id exists. */
  readonly isAlive: (pid: number) => boolean;
  /** Runs dns4tor from any directory; callers append the arguments. */
  readonly self: Command;
  readonly checks: Checks;
  /** Shows the user a warning about something that did not stop the command but needs attention. */
  readonly warn: (sentence: string) => void;
}

/** Where dns4tor answers queries. */
export interface Target {
  /** A loopback address of this machine. */
  readonly address: string;
  readonly port: number;
}

/** The look-ups by which `install` makes sure that names are resolved. */
export interface Checks {
  /**
   * Resolves if dns4tor itself answers at the target, with an answer that it fetched through Tor.
   *
   * @throws {Dns4torError} ERR_SYSTEM_UNANSWERED
   */
  upstream(target: Target): Promise<void>;
  /**
   * Resolves if the name server, one that resolv.conf names, answers.
   *
   * @throws {Dns4torError} ERR_SYSTEM_CHECK
   */
  nameserver(address: string): Promise<void>;
}
