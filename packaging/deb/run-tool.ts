import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program and returns its stdout. Rejects with its stderr if its exit status is not 0. */
export async function runTool(program: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  // In this locale, output that is parsed is in English.
  const env = { ...process.env, LC_ALL: 'C.UTF-8', ...options.env };
  const { stdout } = await run(program, args, { ...options, env });
  return stdout;
}
