import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Path of the command, run from the sources. */
export const COMMAND: string = fileURLToPath(new URL('dns4tor.ts', import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `dns4tor` in its own process and environment, and waits until it exits. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return runNode([COMMAND, ...args], env);
}

export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error ?? new Error('ended by a signal'));
    });
  });
}
