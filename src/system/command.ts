import { execFile } from 'node:child_process';
import { Dns4torError } from '../failures/errors.ts';

/** A program and its arguments; no shell reads them. */
export type Command = readonly [program: string, ...args: readonly string[]];

export interface CommandResult {
  /** Its exit status, or {@link NOT_FOUND}. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the machine to its end. Never rejects: a program that is not there has a status as well. */
export type Runner = (command: Command) => Promise<CommandResult>;

/** What shells give as the status of a program that does not exist. */
export const NOT_FOUND = 127;

/** What shells and timeout(1) give as the status of a program that was stopped. */
const STOPPED = 124;

/** Restarting a service takes seconds on a busy machine; one that hangs is not to hold up the way back. */
const TIMEOUT_MS = 30_000;

export const runCommand: Runner = ([program, ...args]) =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      const status = typeof code === 'number' ? code : code === 'ENOENT' ? NOT_FOUND : STOPPED;
      resolve({ status, stdout, stderr });
    });
  });

/** @throws {Dns4torError} ERR_SYSTEM_COMMAND unless the program's status is 0 */
export async function runOrThrow(run: Runner, command: Command): Promise<void> {
  const reason = await runOrTell(run, command);
  if (reason !== undefined) throw new Dns4torError('ERR_SYSTEM_COMMAND', reason);
}

/** What failed and why, in a line; undefined if the program's status is 0. */
export async function runOrTell(run: Runner, command: Command): Promise<string | undefined> {
  const { status, stderr } = await run(command);
  if (status === 0) return undefined;
  const [reason = ''] = stderr.trim().split('\n', 1);
  return `${command.join(' ')}: ${reason || `status ${status}`}`;
}
