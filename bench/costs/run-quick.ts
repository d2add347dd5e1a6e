import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Runs a benchmark with `--quick` and returns its JSON. Rejects if it fails. */
export async function runQuick<T>(script: URL): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(script), '--quick', '--json']);
  return JSON.parse(stdout) as T;
}
