import { execFile } from 'node:child_process';
import process from 'node:process';
import { Dns4torError } from '../failures/errors.ts';
import { childEnvironment } from '../lib/child-environment.ts';

/** A program and its arguments. They are passed on as they are; no shell interprets them. */
export type Command = readonly [program: string, ...args: readonly string[]];

/** The outcome of a command that has ended. */
export interface CommandResult {
  /** Exit status, or {@link NOT_FOUND}. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program and waits for it to exit. Never rejects: a missing program yields a status as well. */
export type Runner = (command: Command) => Promise<CommandResult>;

/** Status of a program that does not exist, as in shells. */
export const NOT_FOUND = 127;

/** Status of a program that was killed, as in timeout(1). */
const STOPPED = 124;

/** Restarting a service takes seconds on a busy machine. A program that hangs must not block the roll-back. */
const TIMEOUT_MS = 30_000;

/** Runs a program of this machine, for at most 30 s. */
export const runCommand: Runner = ([program, ...args]) =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: TIMEOUT_MS, env: childEnvironment(process.env) }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      const status = typeof code === 'number' ? code : code === 'ENOENT' ? NOT_FOUND : STOPPED;
      resolve({ status, stdout, stderr });
    });
  });

/** @throws {Dns4torError} ERR_SYSTEM_COMMAND unless the program exits with status 0 */
export async function runOrThrow(run: Runner, command: Command): Promise<void> {
  const reason = await failureOf(run, command);
  if (reason !== undefined) throw new Dns4torError('ERR_SYSTEM_COMMAND', reason);
}

/** Runs the command. Returns a line with the command and the reason if it fails, undefined if it succeeds. */
export async function failureOf(run: Runner, command: Command): Promise<string | undefined> {
  const { status, stderr } = await run(command);
  if (status === 0) return undefined;
  const [reason = ''] = stderr.trim().split('\n', 1);
  return `${command.join(' ')}: ${reason || `status ${status}`}`;
}
