import type { Clock } from '../lib/clock.ts';
import type { Command, Runner } from './command.ts';
import type { FileSystem } from './transaction/file-system.ts';
import type { Target } from './target.ts';

/** The machine that is changed, as far as anything here can touch it. */
export interface Machine {
  readonly fs: FileSystem;
  readonly run: Runner;
  readonly clock: Clock;
  /** This process, and whether another one still runs. */
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
  /** Runs dns4tor from anywhere; arguments are put behind it. */
  readonly self: Command;
  readonly checks: Checks;
  /** Tells a person, in a sentence, of what stood in nobody's way and is still to be seen to. */
  readonly warn: (sentence: string) => void;
}

export interface Checks {
  /** Resolves when dns4tor, and nothing else, answers there with what it has asked through Tor. @throws {Dns4torError} ERR_SYSTEM_UNANSWERED */
  upstream(target: Target): Promise<void>;
  /** Resolves when the server, of resolv.conf, has answered. @throws {Dns4torError} ERR_SYSTEM_CHECK */
  nameserver(address: string): Promise<void>;
}
