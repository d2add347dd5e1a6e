import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and returns what it wrote to stdout. Rejects with what it wrote to stderr when its status is not 0. */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  // Texts that are to be parsed are in English only in this locale.
  const env = { ...process.env, LC_ALL: 'C.UTF-8', ...options.env };
  const { stdout } = await run(program, args, { ...options, env });
  return stdout;
}
